"""Words for permissions: what the doctor found, and why somebody who came back from a provider was not connected."""

from __future__ import annotations

from datetime import date, datetime

from hub.grants.doctor import Finding
from hub.grants.keeper import Refusal
from hub.web.i18n import Reader


def said(speaks: Reader, finding: Finding) -> str:
    """*finding* in a sentence or two: what it is, and what to do about it."""
    facts = {name: _shown(speaks, value) for name, value in finding.facts.items()}
    return _sentence(speaks, finding) % facts


def _sentence(speaks: Reader, finding: Finding) -> str:
    t = speaks.gettext
    over = finding.grade == "wrong"
    match finding.kind:
        case "none":
            return t("Nobody has given permission at %(provider)s yet.")
        case "given" if finding.facts["account"]:
            return t("%(account)s gave permission at %(provider)s on %(on)s.")
        case "given":
            return t("Somebody gave permission at %(provider)s on %(on)s.")
        case "account":
            return t("%(came)s gave the permission, but the mailbox is that of %(wanted)s. Connect again as that one.")
        case "scopes":
            return t("The permission does not reach far enough: it lacks %(missing)s. Connect again and grant it all.")
        case "short" if over:
            return t("It has ended, and %(provider)s gave nothing to renew it with. Connect again.")
        case "short":
            return t(
                "%(provider)s gave nothing to renew it with: it ends on %(at)s. Ask for offline access "
                "(docs/OAUTH.md), then connect again."
            )
        case "testing" if over:
            return t(
                "It ended on %(on)s: the app at %(provider)s is in testing, where permissions live for 7 days. "
                "Set it to “In production” in the Google Cloud console, then connect again."
            )
        case "testing":
            return t(
                "It ends on %(on)s: the app at %(provider)s is in testing, where permissions live for 7 days. "
                "Set it to “In production” in the Google Cloud console, then connect again."
            )
        case "ends" if over:
            return t("It ended on %(on)s. Connect again.")
        case "ends":
            return t("It ends on %(on)s. Connect again before.")
        case "lasts":
            return _lasting(speaks, str(finding.facts["kind"]))
        case "secret":
            return _secret(speaks, finding.grade)
        case "clock" if finding.facts["direction"] == "ahead":
            return t("The clock of this machine is %(minutes)s minutes ahead of that of %(provider)s. Set it right.")
        case "clock":
            return t("The clock of this machine is %(minutes)s minutes behind that of %(provider)s. Set it right.")
    return "%(why)s."


def _lasting(speaks: Reader, kind: str) -> str:
    t = speaks.gettext
    if kind == "google":
        return t("It lasts until somebody takes it back, or the hub does not use it for 6 months.")
    if kind == "microsoft":
        return t("It lasts until somebody takes it back, changes the password, or the hub does not use it for 90 days.")
    return t("It lasts until somebody takes it back.")


def _secret(speaks: Reader, grade: str) -> str:
    t = speaks.gettext
    if grade == "ok":
        return t("The client secret of the app is good until %(on)s.")
    if grade == "note":
        return t(
            "The client secret of the app ends on %(on)s. Make a new one at %(provider)s before, and correct "
            "[oauth.%(app)s] in the config file."
        )
    return t(
        "The client secret of the app ended on %(on)s. Make a new one at %(provider)s, correct [oauth.%(app)s] in the "
        "config file, and restart the hub."
    )


def refusal(speaks: Reader, refused: Refusal) -> tuple[str, str]:
    """Why somebody who came back is not connected: a title, and what to do."""
    t = speaks.gettext
    title, words = {
        "expired": (
            t("That took too long"),
            t("A way to the provider is good for ten minutes, once, and for the login that began it. Connect again."),
        ),
        "gone": (
            t("This source is not there any more"),
            t("Nothing was kept. Look at the config file: its table, and the oauth key in it."),
        ),
        "denied": (
            t("%(provider)s was told no"),
            t("Whoever was asked did not consent, or may not. Nothing was kept. Connect again, or ask whoever looks "
              "after the accounts at %(provider)s to allow the app."),
        ),
        "error": (
            t("%(provider)s did not go on"),
            t("It says: %(error)s. Nothing was kept. Check the app: docs/OAUTH.md has what it needs."),
        ),
        "refused": (t("%(provider)s refuses the hub"), t("%(why)s.")),
        "scopes": (
            t("A part of the permission is missing"),
            t("%(provider)s did not grant %(missing)s. Nothing was kept. Connect again and leave every box ticked; if "
              "there was none, allow it for the app."),
        ),
        "account": (
            t("That is the wrong account"),
            t("%(came)s gave the permission, but this mailbox needs that of %(wanted)s. Nothing was kept. Sign out at "
              "%(provider)s, or use a private window, and connect again."),
        ),
        "nobody": (
            t("%(provider)s does not say who that was"),
            t("So the hub cannot know whether it is the right account. Nothing was kept. Add the scopes openid and "
              "email, or userinfo_url, to the app’s table in the config file."),
        ),
    }[refused.kind]  # fmt: skip
    return title % refused.facts, words % refused.facts


def _shown(speaks: Reader, value: str | date | int) -> str:
    if isinstance(value, datetime):
        return speaks.exact(value)
    if isinstance(value, date):
        return speaks.full_date(value)
    return str(value)
