"""What every answer carries, how errors read, and the addresses for machines that watch."""

from __future__ import annotations

from io import BytesIO

from prometheus_client.parser import text_string_to_metric_families

from hub.privacy.visibility import Authority, Scope
from tests.hub.web.office import PBX_TOKEN, Office


async def test_every_answer_carries_the_security_headers(office: Office) -> None:
    client = await office.client()
    for path in ("/api/v1/openapi.json", "/healthz", "/nowhere", "/webhooks/nobody", "/login"):
        async with client.get(path) as answer:
            policy = {part.strip() for part in answer.headers["Content-Security-Policy"].split(";")}
            assert {
                "default-src 'self'", "frame-src 'self'", "img-src 'self' data:", "object-src 'none'",
                "base-uri 'none'",
                "frame-ancestors 'self'", "form-action 'self'",
            } <= policy  # fmt: skip
            assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "same-origin"
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert answer.headers["Cache-Control"] == "no-store"


REFUSED = [
    ("GET", "/api/v1/nowhere", 404, "not-found"),
    ("PUT", "/api/v1/contacts", 405, "method-not-allowed"),
    ("GET", "/api/v1/contacts/1", 404, "not-found"),
    ("GET", "/api/v1/contacts/abc", 404, "not-found"),
    ("GET", "/api/v1/contacts/99999999999999999999", 404, "not-found"),
    ("GET", "/api/v1/contacts/9999999999999999999", 404, "not-found"),
    ("GET", "/api/v1/contacts?limit=0", 422, "invalid"),
    ("GET", "/api/v1/contacts?nonsense=1", 422, "invalid"),
    ("POST", "/api/v1/contacts", 415, "unsupported-media-type"),
]


async def test_errors_are_problem_details(office: Office) -> None:
    client = await office.token("writer", Scope.WRITE)
    for method, path, status, kind in REFUSED:
        async with client.request(method, path) as answer:
            assert (answer.status, answer.content_type) == (status, "application/problem+json"), path
            problem = await answer.json()
            assert (problem["status"], problem["type"]) == (status, f"urn:hub:problem:{kind}")
            assert problem["title"]
            if status == 405:
                assert answer.headers["Allow"] == "GET,HEAD,POST"


async def test_a_field_that_is_wrong_is_named_and_what_was_sent_is_not_repeated(office: Office) -> None:
    client = await office.token("writer", Scope.WRITE)
    body = {"name": "", "handles": ["+49 170 1234567", "hunter2"], "nickname": "hunter2"}
    async with client.post("/api/v1/contacts", json=body) as answer:
        assert answer.status == 422
        problem = await answer.json()
    assert {error["field"] for error in problem["errors"]} == {"name", "nickname"}
    assert "hunter2" not in str(problem)
    async with client.post("/api/v1/contacts", data=b"{", headers={"Content-Type": "application/json"}) as answer:
        assert (answer.status, (await answer.json())["type"]) == (400, "urn:hub:problem:bad-json")


async def test_a_body_that_is_too_large_is_413(office: Office) -> None:
    client = await office.token("writer", Scope.WRITE)
    body = BytesIO(b'{"name": "' + b"x" * (1 << 20) + b'"}')
    async with client.post("/api/v1/contacts", data=body, headers={"Content-Type": "application/json"}) as answer:
        assert (answer.status, (await answer.json())["type"]) == (413, "urn:hub:problem:too-large")


async def test_it_is_ready_when_the_store_answers_and_nobody_need_log_in(office: Office) -> None:
    client = await office.client()
    for path, status in (("/healthz", "ok"), ("/readyz", "ready")):
        async with client.get(path) as answer:
            assert (answer.status, await answer.json()) == (200, {"status": status})


async def test_metrics_say_how_it_does_without_names(office: Office) -> None:
    assert await office.call("c1", "ringing", agent="ada") == 204
    async with (await office.client(Authorization=f"Bearer {PBX_TOKEN}")).post("/webhooks/pbx", data=b"?") as answer:
        assert answer.status == 204
    async with (await office.client()).get("/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
    values = {
        (sample.name, sample.labels.get("source", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "le" not in sample.labels
    }
    assert values["hub_ingested_total", "pbx"] == 2
    assert values["hub_pop_seconds_count", ""] == 1
    assert values["hub_quarantine_open", ""] == 1
    assert values["hub_outbox_waiting", ""] == 0
    assert "4917012345678" not in text


async def test_metrics_are_for_this_machine_or_an_admin_token(office: Office) -> None:
    stranger = await office.client()
    for headers in ({"X-Forwarded-For": "203.0.113.7"}, {"Host": "hub.example.org"}, {"Host": "evil.example:80"}):
        async with stranger.get("/metrics", headers=headers) as answer:
            assert answer.status == 401, headers
    for scope, status in ((Scope.READ, 403), (Scope.WRITE, 403), (Scope.ADMIN, 200)):
        client = await office.token(f"token-{scope}", scope)
        async with client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"}) as answer:
            assert answer.status == status
    manager = await office.person("mia", Authority.MANAGER)
    async with manager.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"}) as answer:
        assert answer.status == 403
