"""Sends a mailbox's mails by SMTP (RFC 5321, 6409) and keeps a copy of each in its folder of sent mails."""

from __future__ import annotations

import base64
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import unquote

import aiosmtplib
from aiosmtplib import SMTP, SMTPResponse

import hub
from connectors.imap.filing import Filing
from connectors.imap.login import TokenRefused, oauthbearer, xoauth2
from connectors.imap.settings import ImapSettings

CONNECT_SECONDS = 30
ANSWER_SECONDS = 60
TAKEN_SECONDS = 180
"""How long a server may look at a whole mail before it says that it has it (RFC 5321, 4.5.3.2.6 asks for ten minutes,
which nobody who waits for her mail to leave would believe)."""

LONGEST_WORDS = 300

# 421 and 4.7.x say how long to stay away, each in words of its own.
_LATER = re.compile(r"(?:try|retry|wait|again|after|in)\D{0,40}(\d{1,5})\s*(second|sec|s\b|minute|min|hour|h\b)", re.I)
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Sender(hub.Sender):
    """Submits mails to the server of `smtp_host`, over a connection of its own for each."""

    Settings = ImapSettings

    def __init__(self, settings: ImapSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._loan = setup.loan
        self._filing = Filing(settings, setup.name, setup.loan)

    @property
    def ready(self) -> bool:
        """Whether there is a server to hand mails to."""
        return bool(self._settings.smtp_host)

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """Hand *letter* over. The server's name for it is what it answered."""
        if not self.ready:
            raise hub.Misconfigured(f"no mail is sent from here; set {self._key('smtp_host')}")
        sender, recipients = _address(letter.sender), {handle: _address(handle) for handle in letter.recipients}
        async with self._connection(sender.rpartition("@")[2]) as smtp:
            try:
                options = self._options(smtp, letter, [sender, *recipients.values()])
                utf8 = "utf-8" if "SMTPUTF8" in options else "ascii"
                await smtp.mail(sender, options=options, encoding=utf8, timeout=ANSWER_SECONDS)
                refused = await self._recipients(smtp, recipients, utf8)
                ready = await smtp.execute_command(b"DATA", timeout=ANSWER_SECONDS)
                if ready.code != 354:
                    raise self._refusal(ready)
            except aiosmtplib.SMTPResponseException as error:
                raise self._refusal(SMTPResponse(error.code, error.message)) from error
            except (aiosmtplib.SMTPException, OSError) as error:
                raise hub.Unavailable(f"{self._settings.smtp_host} broke off before it had the mail") from error
            taken = await self._hand_over(smtp, letter.raw)
            if taken.code != 250:
                raise self._refusal(taken)
            return hub.Sent(_words(taken.message), refused)

    async def file(self, letter: hub.Letter) -> None:
        """Keep a copy in the mailbox's folder of sent mails, unless it is there or the server sees to it."""
        await self._filing.file(letter.raw)

    @asynccontextmanager
    async def _connection(self, our_domain: str) -> AsyncGenerator[SMTP]:
        """A session in which mails may be handed over. Leaving it does not wait for the server's goodbye."""
        token = await self._token()
        try:
            smtp = await self._signed_in(our_domain, token)
        except TokenRefused:
            another = await self._token(token)
            if another == token:
                raise
            smtp = await self._signed_in(our_domain, another)
        try:
            yield smtp
            with suppress(aiosmtplib.SMTPException, OSError):
                await smtp.quit(timeout=5)
        finally:
            smtp.close()

    async def _signed_in(self, our_domain: str, token: str) -> SMTP:
        host, port = self._settings.smtp_address
        smtp = SMTP(
            hostname=host, port=port, use_tls=self._settings.smtp_security == "tls", start_tls=False,
            timeout=CONNECT_SECONDS, tls_context=self._context(), local_hostname=our_domain,
        )  # fmt: skip
        try:
            await self._connect(smtp)
            await self._sign_in(smtp, token)
        except BaseException:
            smtp.close()
            raise
        return smtp

    @property
    def _how(self) -> str:
        return self._settings.smtp_auth or self._settings.auth

    async def _token(self, refused: str | None = None) -> str:
        """The access token to sign in with, another than *refused*; "" where none is needed."""
        if self._how not in ("xoauth2", "oauthbearer"):
            return ""
        if self._loan is None:
            raise hub.Unavailable("signing in by OAuth takes a running hub, which keeps the permission")
        return await self._loan.access_token(refused)

    async def _connect(self, smtp: SMTP) -> None:
        host, port = self._settings.smtp_address
        try:
            await smtp.connect()
            await smtp.ehlo()
            if self._settings.smtp_security == "starttls":
                if not smtp.supports_extension("starttls"):
                    raise hub.Misconfigured(
                        f'{host} offers no STARTTLS on port {port}; set {self._key("smtp_security")} = "tls"'
                    )
                await smtp.starttls()
                await smtp.ehlo()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> hub.Verdict:
        host, port = self._settings.smtp_address
        why: BaseException | None = error
        while why is not None:
            if isinstance(why, ssl.SSLCertVerificationError):
                return hub.Misconfigured(
                    f"the certificate of {host} is not to be trusted ({why.verify_message}); check"
                    f" {self._key('smtp_host')}, or name the authority in {self._key('ca_file')}"
                )
            if isinstance(why, ssl.SSLError) and why.reason == "WRONG_VERSION_NUMBER":
                return hub.Misconfigured(
                    f"{host} does not begin with TLS on port {port}; set {self._key('smtp_security')} ="
                    f' "starttls" or {self._key("smtp_port")} = 465'
                )
            if isinstance(why, socket.gaierror) and why.errno == socket.EAI_NONAME:
                return hub.Misconfigured(f"there is no host {host}; correct {self._key('smtp_host')}")
            why = why.__cause__ or why.__context__
        if isinstance(error, aiosmtplib.SMTPResponseException):
            said = _words(error.message)
            return hub.Unavailable(f"{host} takes no mail now: {said}", _retry_after(said))
        return hub.Unavailable(f"{host} cannot be reached on port {port}")

    async def _sign_in(self, smtp: SMTP, token: str) -> None:
        settings, host, how = self._settings, self._settings.smtp_host, self._how
        if how == "none":
            return
        username = settings.smtp_username or settings.username
        try:
            if how == "password":
                password = settings.smtp_password or settings.password
                if password is None:
                    raise hub.Misconfigured(f"a password is missing; set {self._key('smtp_password')}")
                await smtp.login(username, password.get_secret_value(), timeout=ANSWER_SECONDS)
            else:
                await self._bear(smtp, username, token)
        except aiosmtplib.SMTPResponseException as error:
            said = _words(error.message)
            if 400 <= error.code < 500:
                raise hub.Unavailable(f"{host} takes no login now: {said}", _retry_after(said)) from None
            if token:
                raise TokenRefused(
                    f"{host} refused the permission to send; give it anew on the source's page"
                ) from None
            raise hub.Rejected(
                f"{host} refused the login; check {self._key('smtp_username')} and {self._key('smtp_password')}"
            ) from None
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError) as error:
            raise hub.Unavailable(f"{host} broke off while we logged in") from error
        except aiosmtplib.SMTPException as error:
            raise hub.Misconfigured(
                f'{host} lets nobody log in like that; set {self._key("smtp_auth")}, or "starttls" as'
                f" {self._key('smtp_security')}"
            ) from error

    async def _bear(self, smtp: SMTP, username: str, token: str) -> None:
        """RFC 7628, and what Google and Microsoft had before it. A refusal comes as a challenge, to be answered."""
        host, port = self._settings.smtp_address
        if self._how == "xoauth2":
            proof, last = xoauth2(username, token), b""
        else:
            proof, last = oauthbearer(username, token, host, port), b"AQ=="
        mechanism = self._how.upper().encode()
        answer = await smtp.execute_command(b"AUTH", mechanism, base64.b64encode(proof), timeout=ANSWER_SECONDS)
        if answer.code == 334:
            answer = await smtp.execute_command(last, timeout=ANSWER_SECONDS)
        if answer.code != 235:
            raise aiosmtplib.SMTPAuthenticationError(answer.code, answer.message)

    def _options(self, smtp: SMTP, letter: hub.Letter, addresses: Sequence[str]) -> list[str]:
        """The parameters of MAIL FROM: the size (RFC 1870), and UTF-8 in the header only where some is (RFC 6531)."""
        options = []
        if smtp.supports_extension("size"):
            largest = smtp.esmtp_extensions.get("size", "")
            if largest.isdigit() and 0 < int(largest) < len(letter.raw):
                raise hub.Unsupported(
                    f"{self._settings.smtp_host} takes mails of {int(largest) // 1_000_000} MB at most;"
                    f" this one has {len(letter.raw) / 1_000_000:.0f} MB"
                )
            options.append(f"size={len(letter.raw)}")
        header = letter.raw.partition(b"\r\n\r\n")[0]
        if not header.isascii() or not all(address.isascii() for address in addresses):
            if not smtp.supports_extension("smtputf8"):
                raise hub.Unsupported(
                    f"{self._settings.smtp_host} cannot write to an address with letters beyond ASCII"
                )
            options.append("SMTPUTF8")
        return options

    async def _recipients(self, smtp: SMTP, recipients: dict[str, str], encoding: str) -> dict[str, str]:
        """Name every recipient. Answers those that are refused, by handle. Raises where all are."""
        refused: dict[str, SMTPResponse] = {}
        for handle, address in recipients.items():
            try:
                await smtp.rcpt(address, encoding=encoding, timeout=ANSWER_SECONDS)
            except aiosmtplib.SMTPRecipientRefused as error:
                if error.code == 421:
                    raise
                refused[handle] = SMTPResponse(error.code, error.message)
        if len(refused) == len(recipients):
            lasting = [said for said in refused.values() if said.code >= 500]
            raise self._refusal(lasting[0] if lasting else next(iter(refused.values())))
        return {handle: _said(said) for handle, said in refused.items()}

    async def _hand_over(self, smtp: SMTP, raw: bytes) -> SMTPResponse:
        """The mail itself. From here on nobody knows without the answer whether the server has it: `TimeoutError`."""
        assert smtp.protocol is not None, "it is connected"
        stuffed = re.sub(rb"(?m)^\.", b"..", raw)
        end = b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
        try:
            smtp.protocol.write(stuffed + end)
            return await smtp.protocol.read_response(timeout=TAKEN_SECONDS)
        except aiosmtplib.SMTPResponseException as error:
            raise TimeoutError(f"{self._settings.smtp_host} gave an answer that nobody understands") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise TimeoutError(f"{self._settings.smtp_host} got the mail and did not answer") from error

    def _refusal(self, said: SMTPResponse) -> hub.Verdict:
        """What an answer that is no "yes" means: 4xx not now, 5xx never (RFC 5321, 4.2.1)."""
        words = _said(said)
        if 400 <= said.code < 500:
            return hub.Unavailable(f"{self._settings.smtp_host} says: {words}", _retry_after(words))
        if said.code == 530:
            return hub.Rejected(f"{self._settings.smtp_host} wants a login: {words}")
        return hub.Unsupported(words)

    def _context(self) -> ssl.SSLContext | None:
        if self._settings.smtp_security == "none":
            return None
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file or None)
        except OSError as error:
            raise hub.Misconfigured(
                f"cannot read certificates from {self._settings.ca_file}; check {self._key('ca_file')}"
            ) from error

    def _key(self, name: str) -> str:
        return f"sources.{self._source}.{name}"


def _address(handle: str) -> str:
    return unquote(handle.removeprefix("mailto:"))


def _words(text: str) -> str:
    clean = "".join(each if each.isprintable() else " " for each in text.encode("utf-8", "replace").decode())
    return " ".join(clean.split())[:LONGEST_WORDS]


def _said(said: SMTPResponse) -> str:
    return f"{said.code} {_words(said.message)}".strip()


def _retry_after(words: str) -> float | None:
    found = _LATER.search(words)
    return float(found[1]) * _SECONDS[found[2][0].lower()] if found else None
