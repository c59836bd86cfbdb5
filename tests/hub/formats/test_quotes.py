"""What is new in a mail: the replies of crisp and talon, and nothing ever lost."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.formats import mail
from hub.formats.quotes import Segment, fold, new_text
from tests.hub.formats import EMAIL

CRISP = EMAIL / "crisp-reply-parser"
TALON = EMAIL / "talon" / "standard_replies"


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8").replace("\r\n", "\n")


LATIN = [path for path in sorted(CRISP.glob("*.txt")) if _read(path).startswith("Fusce bibendum")]


@pytest.mark.parametrize("path", LATIN, ids=lambda path: path.stem)
def test_above_the_quote_stands_the_reply_in_any_language(path: Path) -> None:
    text = _read(path)
    reply = text[: text.index("nec nec nibh.") + len("nec nec nibh.")]
    assert new_text(text) == reply


def test_the_corpus_has_many_languages() -> None:
    assert len(LATIN) == 21


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("correct_sig", ["new", "signature"]),
        ("sig_no_empty_line", ["new", "signature"]),
        ("email_1", ["new", "signature"]),
        ("email_2", ["new", "quote", "new", "quote", "signature"]),
        ("email_4", ["new", "quote"]),
        ("email_19", ["new", "signature", "quote"]),
        ("email_20", ["new", "quote"]),
        ("email_21", ["new"]),
        ("email_blackberry", ["new", "signature"]),
        ("email_custom_quote_header", ["new", "quote", "signature"]),
        ("email_customer_quote_header_2", ["new", "quote"]),
        ("email_emoji", ["new"]),
        ("email_not_a_signature", ["new"]),
        ("email_reply_header", ["new", "quote", "signature"]),
        ("email_thread", ["new", "quote"]),
        ("email_tricky_1_on_false_positive", ["new"]),
        ("email_tricky_3_code_block", ["new"]),
        ("email_tricky_4_from_in_body", ["new"]),
        ("email_tricky_7_multiple_dashes", ["new"]),
        ("email_tricky_8_sent_from_in_content", ["new"]),
        ("email_tricky_11_double_signature", ["new", "signature"]),
        ("email_tricky_17_forward_header", ["new", "quote"]),
        ("email_tricky_19_quote_without_header", ["new", "quote", "new", "quote", "new"]),
        ("email_unquoted_reply", ["new", "quote"]),
        ("email_with_regards", ["new", "signature"]),
    ],
)
def test_replies_fall_into_their_parts(name: str, kinds: list[str]) -> None:
    assert [segment.kind for segment in fold(_read(CRISP / f"{name}.txt"))] == kinds


def test_a_line_break_in_the_attribution_stays_with_the_quote() -> None:
    new, quote, _ = fold(_read(CRISP / "email_reply_header.txt"))
    assert new.text.endswith("Stranger\n\n")
    assert quote.text.startswith("On Wed, Dec 9, Mister Example\n")
    assert fold(_read(CRISP / "email_thread.txt"))[1].text.startswith("On Nov 21, 2014,\n")


@pytest.mark.parametrize("path", sorted(TALON.glob("*.eml")), ids=lambda path: path.stem)
def test_talons_replies_say_hello(path: Path) -> None:
    assert new_text(mail.parse(path.read_bytes()).text) == "Hello"


@pytest.mark.parametrize(
    "quoted",
    [
        "在 2026年1月5日，下午3:00，张三 <zhang@example.cn> 写道：\n> 你好",
        "张三 <zhang@example.cn> 于2026年1月5日周一 12:00写道：\n\n> 你好",
        '------------------ 原始邮件 ------------------\n发件人: "x"<x@example.cn>;\n主题: 报价\n\n内容',
        "发件人： 王\n发送时间： 2026年1月5日\n收件人： 李\n主题： 报价\n\n内容",
        "寄件者: 王\n寄件日期: 2026年1月5日\n收件者: 李\n主旨: 報價\n\n內容",
        'At 2026-01-05 10:00:00, "x" <a@example.cn> wrote:\nold',
        "2026年1月5日(月) 12:00 田中 <tanaka@example.jp>:\n> 古い",
        "差出人: 田中\n日時: 2026年1月5日\n宛先: 鈴木\n件名: 見積\n\n古い",
    ],
)
def test_chinese_and_japanese_quotes(quoted: str) -> None:
    assert fold(f"好的，谢谢。\n\n{quoted}") == (Segment("new", "好的，谢谢。\n\n"), Segment("quote", quoted))


QUOTED_BY = {
    "QQ": """------------------\u00a0原始邮件\u00a0------------------
发件人: "张三" <z@qq.example>;
发送时间: 2026年1月5日(星期一) 下午3:00
收件人: "李四"<l@example.cn>;
主题: 报价
""",
    "QQ on a phone": """---原始邮件---
发件人: "张三"<z@qq.example>
发送时间: 2026年1月5日(周一) 下午3:00
收件人: "李四"<l@example.cn>;
主题: 报价
""",
    "QQ in English": """------------------ Original ------------------
From:  "Zhang";<z@qq.example>;
Date:  Mon, Jan 5, 2026 03:00 PM
To:  "Li"<l@example.cn>;
Subject:  Re: offer
""",
    "Foxmail": """发件人：\u00a0张三
发送时间：\u00a02026-01-05\u00a010:00
收件人：\u00a0李四
抄送：\u00a0王五
主题：\u00a0报价""",
    "163": '在 2026-01-05 10:00:00，"张三" <z@163.example> 写道：\n',
    "163 in English": 'At 2026-01-05 10:00:00, "张三" <z@163.example> wrote:\n',
    "163 since 2022": """---- 回复的原邮件 ----
| 发件人 | 张三<z@163.example> |
| 发送日期 | 2026年01月05日 10:00 |
| 收件人 | 李四<l@example.cn> |
| 主题 | Re: 报价 |""",
    "163 forward": """-------- 转发邮件信息 --------
发件人："张三" <z@163.example>
发送日期：2026-01-05 10:00:00
收件人：l@example.cn
主题：报价""",
    "NetEase's app": "---- 在 2026年01月05日 10:00，张三<z@163.example> 写道： ----",
    "Coremail": """-----原始邮件-----
发件人:"张三" <z@example.cn>
发送时间:2026-01-05 10:00:00 (星期一)
收件人: l@example.cn
抄送:
主题: 报价
""",
    "Sina": """----- 原始邮件 -----
发件人：z@sina.example
收件人："l" <l@example.cn>
主题：报价
日期：2026年01月05日 10点00分
""",
    "Aliyun": """------------------------------------------------------------------
发件人：张三 <z@aliyun.example>
发送时间：2026年1月5日(星期一) 10:00
收件人：李四 <l@example.cn>
主　题：报价
""",
    "Outlook": """________________________________
发件人: 张三 <z@outlook.example>
发送时间: 2026年1月5日 10:00
收件人: 李四 <l@example.cn>
主题: 回复: 报价
""",
    "Outlook, Taiwan": """________________________________
寄件者: 張三 <z@outlook.example>
寄件日期: 2026年1月5日 上午 10:00
收件者: 李四 <l@example.tw>
主旨: 回覆: 報價
""",
    "Outlook 2010, Taiwan": """寄件者: 張三 [mailto:z@outlook.example]
傳送時間: Monday, January 5, 2026 10:00 AM
收件者: 李四
副本: 王五
主旨: RE: 報價
""",
    "Apple": "> 2026年1月5日 下午3:00，张三 <z@icloud.example> 写道：\n> ",
    "Apple, unmarked": "2026年1月5日 15:00，张三 <z@icloud.example> 写道：\n",
    "Apple, Taiwan": "張三 <z@icloud.example> 於 2026年1月5日 下午3:00 寫道：\n",
    "Gmail, Taiwan": "張三 <z@gmail.example> 於 2026年1月5日 週一 上午10:00寫道：\n",
    "Gmail forward": """---------- Forwarded message ---------
发件人： 张三 <z@gmail.example>
Date: 2026年1月5日周一 10:00
Subject: 报价
To: <l@example.cn>
""",
    "Thunderbird": "在 2026/1/5 10:00, 张三 写道:\n> ",
    "Thunderbird, Taiwan": "張三 於 2026/1/5 上午 10:00 寫道:\n> ",
    "Yahoo, Taiwan": "    在 2026年1月5日 星期一 上午10:00:00 [GMT+8]， 張三<z@yahoo.example> 寫道：\n",
    "WeCom": """------------------ 原始邮件 ------------------
发件人： 张三<z@corp.example>
发送时间： 2026年01月05日 10:00
收件人： 李四<l@example.cn>
主题： 报价""",
    "Lark": """发件人: "张三"<z@corp.example>
日期: 2026年1月5日 (周一) 10:00
主题: 报价
收件人: <l@example.cn>""",
}


@pytest.mark.parametrize("program", QUOTED_BY)
def test_what_chinese_programs_quote(program: str) -> None:
    quoted = QUOTED_BY[program]
    quoted += "内容" if quoted.endswith("> ") else "\n内容"
    assert fold(f"好的，谢谢。\n\n{quoted}") == (Segment("new", "好的，谢谢。\n\n"), Segment("quote", quoted))


@pytest.mark.parametrize(
    "signature",
    [
        *(
            "发自我的iPhone",
            "发自我的 iPhone",
            "從我的 iPhone 傳送",
            "發自我的 iPad",
            "发自我的华为手机",
            "来自企业微信",
        ),
        *("获取适用于 iOS 的 Outlook", "取得 iOS 版 Outlook", "下载 Outlook for Android", "发自QQ邮箱", "发自飞书邮箱"),
        *("发自 网易邮箱大师", "由 网易邮箱大师 发出", "签名由 网易邮箱大师 定制", "发自 Foxmail for iOS"),
        *("发送自 Windows 10 版邮件应用", "从我的 Galaxy 发送", "--\n张三\n销售部\n电话：010-1234"),
        *("------------------\n张三\n销售经理", "祝好\n张三", "此致\n敬礼！\n张三", "祝商祺！\n\n张三\n某某公司"),
        *("顺祝商祺\n张三", "敬祝 商祺\n張三", "順頌商祺\n張三", "祝您工作顺利\n张三"),
    ],
)
def test_how_chinese_mails_are_signed(signature: str) -> None:
    assert fold(f"好的\n\n{signature}") == (Segment("new", "好的\n\n"), Segment("signature", signature))


def test_a_phones_signature_stands_above_what_it_quotes() -> None:
    assert [each.kind for each in fold("好的\n\n发自我的iPhone\n\n> 你好")] == ["new", "signature", "quote"]


@pytest.mark.parametrize(
    "line",
    [
        "On Tue, 2026-03-03 at 18:02 +0530, Ada Lovelace wrote:",
        "2026-03-20 8:48 GMT+01:00 Ada Lovelace <ada@example.org>:",
        "Le 19 mars 2026 10:37, Ada Lovelace <ada@example.org> a écrit :",
        "Le 19/03/2026 11:34, Ada Lovelace a écrit :",
        "El 19/03/2026 11:34, Ada Lovelace <ada@example.org> escribió:",
        "W dniu 7 stycznia 2026 15:24 użytkownik Ada Lovelace <ada@example.org> napisał:",
        "Den 8 jun 2026 10:29 skrev Ada Lovelace <ada@example.org>:",
        "Am 25.06.2026 um 10:19 schrieb Ada Lovelace:",
        "Em qui, 24 de out de 2026 às 16:13, Ada Lovelace <ada@example.org> escreveu:",
        "Il giorno mer 18 dic 2026 alle ore 16:13 Ada Lovelace <ada@example.org> ha scritto:",
        "Op 19 mrt. 2026 om 11:34 schreef Ada Lovelace <ada@example.org>:",
        "чт, 19 мар. 2026 г. в 11:34, Ada Lovelace <ada@example.org>:",
        "19 марта 2026 г., 11:34 пользователь Ada Lovelace <ada@example.org> написал:",
        "2026年3月19日(木) 11:34 Ada Lovelace <ada@example.org>:",
        "2026년 3월 19일 (목) 오전 11:34, Ada Lovelace <ada@example.org>님이 작성:",
        "19 Mar 2026 Per 11:34 tarihinde Ada Lovelace <ada@example.org> şunu yazdı:",
    ],
)
def test_dates_in_attributions(line: str) -> None:
    text = _read(CRISP / "email_with_date_headers.txt").replace("[DATE]", line)
    assert new_text(text) == "Thank you very much."


def test_pgp_armour_is_no_text() -> None:
    text = (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHello\n\n"
        "-----BEGIN PGP SIGNATURE-----\n\niHUEARYI\n-----END PGP SIGNATURE-----\nafter\n"
    )
    assert [each.kind for each in fold(text)] == ["signature", "new", "signature", "new"]
    assert new_text(text) == "Hello\nafter"


def test_a_mail_that_only_forwards_has_its_whole_text_as_new() -> None:
    text = "---------- Forwarded message ---------\nFrom: a@example.org\n\nbody"
    assert new_text(text) == text
    assert new_text("") == ""
    assert fold("") == ()


LINES = st.sampled_from(
    [
        *(
            "",
            " ",
            "text",
            "> quoted",
            ">",
            "-- ",
            "--",
            "On Mon, Jan 5, 2026 at 10:00 Ada <a@b.example> wrote:",
            "wrote:",
        ),
        *(
            "From: a@b.example",
            "Sent: Monday",
            "To: c@d.example",
            "Subject: x",
            "Sent from my iPhone",
            "Regards,",
            "\x0c",
        ),
        *(
            "-----Original Message-----",
            "________________",
            "他写道：",
            "\u2028",
            "On Jan 5, 2026",
            "Am 5.1.2026 schrieb A:",
            "-----BEGIN PGP SIGNED MESSAGE-----",
            "-----BEGIN PGP SIGNATURE-----",
            "-----END PGP SIGNATURE-----",
            "------------------",
            "祝好",
            "| 发件人 | x<a@b.example> |",
        ),
    ]
)


@given(st.lists(st.tuples(LINES | st.text(max_size=40), st.sampled_from(["\n", "\r\n", "\r", ""])), max_size=30))
def test_nothing_is_lost(lines: list[tuple[str, str]]) -> None:
    text = "".join(line + end for line, end in lines)
    segments = fold(text)
    assert "".join(segment.text for segment in segments) == text
    assert all(one.kind != two.kind for one, two in pairwise(segments))


@pytest.mark.parametrize(
    "line", ["a" * 300_000 + ":", "wrote: " * 30_000, "From: " * 30_000, "\n".join(["Regards,"] * 20_000)]
)
def test_a_hostile_line_is_folded_like_any_other(line: str) -> None:
    assert "".join(segment.text for segment in fold(line)) == line
