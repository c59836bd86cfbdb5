"""Which folders of a mailbox are read. A server says by special use what a folder is for (RFC 6154); where it does not,
the name has to tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

INBOX = "INBOX"
SENT = "\\Sent"
ARCHIVE = "\\Archive"
ALL = "\\All"

LEFT_OUT = ("\\Junk", "\\Trash", "\\Drafts", ALL, "\\Flagged", "\\Important")
"""Spam, what was thrown away, what is not written yet, and views of what lies elsewhere (RFC 6154, 2; RFC 8457)."""

USES = frozenset({SENT, ARCHIVE, *LEFT_OUT})

NAMES: dict[str, str] = {
    SENT: "sent|sent items|sent mail|sent messages|gesendet|gesendete objekte|gesendete elemente|envoyés"
    "|éléments envoyés|messages envoyés|enviados|elementos enviados|itens enviados|posta inviata|inviati"
    "|verzonden|verzonden items|wysłane|elementy wysłane|отправленные|skickat|skickade objekt|sendt|sendte elementer"
    "|lähetetyt|gönderilmiş öğeler|gönderilenler|odeslaná pošta|elküldött elemek"
    "|送信済み|送信済みメール|送信済みアイテム"
    "|보낸편지함|보낸 편지함|已发送|已发送邮件|已发送郵件|已傳送|寄件備份|寄件備份匣|已传送|已寄出|发件箱",
    ARCHIVE: "archive|archives|archiv|archivo|arquivo|archivio|archief|archiwum|архив|arkiv|arkisto|arşiv"
    "|アーカイブ|보관함|归档|存档|封存|已封存",
    "\\Junk": "junk|junk e-mail|junk email|junk mail|spam|bulk mail|spamverdacht|werbung|unerwünscht"
    "|courrier indésirable|indésirables|pourriel|correo no deseado|lixo eletrônico|lixo eletrónico"
    "|posta indesiderata|ongewenste e-mail|ongewenst|wiadomości-śmieci|спам|нежелательная почта|skräppost|søppelpost"
    "|uønsket e-mail|roskaposti|gereksiz e-posta|nevyžádaná pošta|levélszemét|迷惑メール|스팸메일함|스팸|정크 메일"
    "|垃圾邮件|垃圾郵件|垃圾箱|病毒邮件|病毒文件夹|广告邮件|廣告郵件|订阅邮件",
    "\\Trash": "trash|deleted|deleted items|deleted messages|bin|papierkorb|gelöscht|gelöschte objekte"
    "|gelöschte elemente|corbeille|éléments supprimés|papelera|elementos eliminados|lixeira|itens excluídos"
    "|cestino|posta eliminata|prullenbak|verwijderde items|kosz|elementy usunięte|корзина|удаленные|удалённые"
    "|papperskorgen|borttaget|slettede elementer|papirkurv|roskakori|poistetut|çöp kutusu|silinmiş öğeler|koš"
    "|odstraněná pošta|törölt elemek"
    "|ゴミ箱|ごみ箱|削除済みアイテム|휴지통|지운편지함|已删除|已删除邮件|已刪除的郵件|刪除的郵件|垃圾桶|回收站|废件箱",
    "\\Drafts": "drafts|draft|entwürfe|brouillons|borradores|rascunhos|bozze|concepten|szkice|kopie robocze"
    "|черновики|utkast|kladder|luonnokset|taslaklar|koncepty|piszkozatok"
    "|下書き|임시보관함|임시 보관함|草稿|草稿箱|草稿夹|草稿匣",
}
"""What mail programs call them, in lower case, in the languages of their makers and users."""

_BY_NAME = {name: use for use, names in NAMES.items() for name in names.split("|")}


@dataclass(frozen=True, slots=True)
class Listed:
    """A folder as LIST tells it: its *flags*, the *delimiter* between it and those in it ("" for none), its *name*."""

    flags: frozenset[str]
    delimiter: str
    name: str

    @property
    def opens(self) -> bool:
        """Whether it can hold mails."""
        return not {flag.lower() for flag in self.flags} & {"\\noselect", "\\nonexistent"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The folders to read, in the order in which they are read first; *missing* are those that were asked for and are
    not there. *all_mail* is true for Gmail's one folder of everything."""

    names: tuple[str, ...]
    missing: tuple[str, ...] = ()
    all_mail: bool = False


def uses(listed: Sequence[Listed]) -> dict[str, str]:
    """What each folder is for that is for something: name → special use. Names count only for a use that the server
    says of no folder, and only of folders of which it says nothing."""
    found: dict[str, str] = {}
    for folder in listed:
        for use in USES:
            if use.lower() in {flag.lower() for flag in folder.flags}:
                found[folder.name] = use
    flagged = set(found.values())
    for folder in listed:
        # Some servers keep every folder below the Inbox.
        bare = re.sub(rf"^INBOX{re.escape(folder.delimiter)}", "", folder.name, flags=re.IGNORECASE)
        use = _BY_NAME.get(bare.strip().lower(), "")
        if use and use not in flagged and folder.name not in found:
            found[folder.name] = use
    return found


def choose(
    listed: Sequence[Listed], wanted: Sequence[str], leave_out: Sequence[str], *, labels: bool = False
) -> Chosen:
    """Of *listed* those to read: the *wanted* ones, or where none is named all but those that are `LEFT_OUT` or in
    *leave_out*, with what lies below them. Both name folders, or uses as in "\\Sent". With *labels* (Gmail) one folder
    of everything stands for all others."""
    known = uses(listed)
    there = {folder.name: folder for folder in listed if folder.opens}
    if INBOX not in there:  # it always is (RFC 3501, 5.1), in whatever case it is written
        inbox = next((name for name in there if name.upper() == INBOX), None)
        there[INBOX] = there.pop(inbox) if inbox else Listed(frozenset(), "", INBOX)
    if wanted:
        return _wanted(wanted, there, known)
    everything = next((name for name, use in known.items() if use == ALL and name in there), None)
    if labels and everything is not None:
        return Chosen((everything,), all_mail=True)
    out = {name for name in there if name in leave_out or known.get(name) in (*LEFT_OUT, *leave_out)}
    left = [name for name in there if name == INBOX or not _in(there[name], out)]
    rank = {INBOX: 0} | {name: {SENT: 1, ARCHIVE: 2}.get(use, 3) for name, use in known.items() if name != INBOX}
    return Chosen(tuple(sorted((name for name in left if name not in leave_out), key=lambda one: rank.get(one, 3))))


def _wanted(wanted: Sequence[str], there: dict[str, Listed], known: dict[str, str]) -> Chosen:
    names: list[str] = []
    missing: list[str] = []
    for one in wanted:
        found: Iterable[str] = [name for name, use in known.items() if use.lower() == one.lower() and name in there]
        if one in there or one.upper() == INBOX:
            found = [INBOX if one.upper() == INBOX else one]
        elif not found:
            missing.append(one)
        names += [name for name in found if name not in names]
    return Chosen(tuple(names), tuple(missing))


def _in(folder: Listed, out: set[str]) -> bool:
    """Whether *folder* is among *out*, or lies below one of them."""
    if folder.name in out:
        return True
    return bool(folder.delimiter) and any(folder.name.startswith(f"{other}{folder.delimiter}") for other in out)
