"""What a subject is about: RFC 5256 section 2.1, and what mail programs write in other languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.formats.subjects import base_subject


@pytest.mark.parametrize(
    "subject",
    [
        *("Re: Offer 12", "RE: Offer 12", "Re:Offer 12", "re : Offer  12 ", "Re[2]: Offer 12", "Re(3): Offer 12"),
        *(
            "Re^2: Offer 12",
            "Re*4: Offer 12",
            "Re: Re: RE: Offer 12",
            "Fwd: Offer 12",
            "FW: Re: Offer 12",
            "Re： Offer 12",
        ),
        *(
            "[Fwd: Offer 12]",
            "[Fwd: Re: Offer 12]",
            "Offer 12 (fwd)",
            "Re: Offer 12 (fwd) (FWD)",
            "Re: [team] Offer 12",
        ),
        *("[team] Re: Offer 12", "[team] [dev] Re: [x] Re: Offer 12", "【客服】回复：Offer 12"),
        *("AW: Offer 12", "Antwort: Offer 12", "WG: Offer 12", "SV: Offer 12", "VS: Offer 12", "Antw: Offer 12"),
        *(
            "R: Offer 12",
            "RIF: Offer 12",
            "I: Offer 12",
            "RES: Offer 12",
            "ENC: Offer 12",
            "TR: Offer 12",
            "RV: Offer 12",
        ),
        *("Odp: Offer 12", "PD: Offer 12", "YNT: Offer 12", "ILT: Offer 12", "Vá: Offer 12", "Отв: Offer 12"),
        *("На: Offer 12", "ΑΠ: Offer 12", "Σχετ: Offer 12", "Trả lời: Offer 12"),
        *("回复: Offer 12", "答复：Offer 12", "回覆：Offer 12", "轉寄: Offer 12", "转发：Offer 12", "返信: Offer 12"),
        *("転送: Offer 12", "회신: Offer 12", "전달: Offer 12", "回复：答复: RE: Offer 12"),
    ],
)
def test_an_answer_is_about_what_it_answers(subject: str) -> None:
    assert base_subject(subject) == ("offer 12", True)


@pytest.mark.parametrize(
    ("subject", "topic"),
    [
        ("Offer 12", "offer 12"),
        ("  Offer\t12 ", "offer 12"),
        ("[team] Offer 12", "offer 12"),
        ("[team]", "[team]"),
        ("[#4711] Offer 12", "[#4711] offer 12"),
        ("【报价】", "【报价】"),
        ("Regarding: Offer 12", "regarding: offer 12"),
        ("Report: Offer", "report: offer"),
        ("Straße", "strasse"),
        ("(fwd: no", "(fwd: no"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_another_subject_keeps_its_words(subject: str, topic: str) -> None:
    assert base_subject(subject) == (topic, False)


def test_a_ticket_number_in_an_answer_stays() -> None:
    assert base_subject("Re: [#4711] Offer") == ("[#4711] offer", True)
    assert base_subject("Re:") == ("", True)


@given(st.text() | st.lists(st.sampled_from(["re", ":", "[", "]", "(fwd)", " ", "a", "Fwd:", "【"])).map("".join))
def test_the_topic_of_a_topic_is_itself(subject: str) -> None:
    topic, _ = base_subject(subject)
    assert base_subject(topic)[0] == topic or len(subject) > 1_000


@pytest.mark.parametrize("unit", ["Re: ", "[a] ", " ", "(fwd)", "[Fwd: ", "re [1", "[", "a"])
def test_a_hostile_subject_is_cut(unit: str) -> None:
    assert len(base_subject(unit * 500_000)[0]) <= 1_000
