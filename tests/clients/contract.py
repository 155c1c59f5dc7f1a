"""What tools in Python meet, told with the libraries they use: requests, httpx, and RapidPro's own client.

Run by tests/it/api/third_party_clients.rs, which gives the story as JSON on standard input. Ends with a failed assertion or not at all.
"""

import base64
import json
import sys
import time

import httpx
import requests
from temba_client import exceptions
from temba_client.serialization import DatetimeField, SimpleField, TembaObject
from temba_client.v2 import TembaClient

STORY = json.load(sys.stdin)
BASE = STORY["base"]
WORKSPACE = f"{BASE}/api/v2/workspace.json"
CHALLENGES = 'Bearer realm="latchkey", Basic realm="latchkey"'
SCHEMES = ["Bearer", "Token", "Basic"]


def basic(email, value):
    return "Basic " + base64.b64encode(f"{email}:{value}".encode()).decode()


def authorization(scheme, value):
    return basic(STORY["email"], value) if scheme == "Basic" else f"{scheme} {value}"


def with_requests(method, url, headers):
    return requests.request(method, url, headers=headers, timeout=30)


def with_httpx(method, url, headers):
    return httpx.request(method, url, headers=headers, timeout=30)


def expect(answer, status, body=None, **headers):
    what = f"{answer.request.method} {answer.request.url} {answer.status_code} {answer.text} {dict(answer.headers)}"
    assert answer.status_code == status, what
    if body is not None:
        assert answer.json() == body, what
    for name, text in headers.items():
        assert answer.headers.get(name.replace("_", "-"), "") == text, f"{name}: {what}"


def refused(ask, header, scheme, bearer, other, detail, error=None):
    """Asserts how Bearer is answered and how the two others are."""
    answer = ask("GET", WORKSPACE, {"Authorization": header})
    if scheme == "Bearer":
        body = {"detail": detail, "error": error}
        expect(answer, bearer, body)
        assert answer.headers["www-authenticate"].startswith(f'Bearer realm="latchkey", error="{error}"')
    else:
        expect(answer, other, {"detail": detail}, www_authenticate="")
    return answer


def table():
    good, email = STORY["value"], STORY["email"]
    for ask in (with_requests, with_httpx):
        missing = {"detail": "Authentication credentials were not provided."}
        expect(ask("GET", WORKSPACE, {}), 401, missing, www_authenticate=CHALLENGES)
        expect(ask("GET", f"{WORKSPACE}?access_token={good}", {}), 401, missing)
        expect(ask("GET", WORKSPACE, {"Authorization": "Digest x"}), 401, missing)
        for scheme in SCHEMES:
            me = {"Authorization": authorization(scheme, good)}
            answer = ask("GET", WORKSPACE, me)
            expect(answer, 200, cache_control="no-store", vary="Authorization", content_type="application/json")
            assert answer.json()["name"] == "Acme" and answer.headers["x-temba-workspace"] == answer.json()["uuid"]
            slash = ask("GET", f"{WORKSPACE}/", me)
            expect(slash, 200, answer.json())
            head = ask("HEAD", WORKSPACE, me)
            expect(head, 200, content_length=str(len(answer.content)), x_temba_workspace=answer.json()["uuid"])
            assert head.content == b""
            expect(ask("OPTIONS", WORKSPACE, me), 204, allow="GET, HEAD, OPTIONS")
            expect(ask("POST", WORKSPACE, me), 405, {"detail": 'Method "POST" not allowed.'}, allow="GET, HEAD, OPTIONS")
            expect(ask("GET", f"{BASE}/api/v2/nothing.json", me), 404, {"detail": "Not found."})
            expect(ask("GET", f"{BASE}/api/v2/users.json?cursor=x", me), 404, {"detail": "Invalid cursor"})

            kind = "basic" if scheme == "Basic" else "token"
            none = f"Invalid {kind} header. No credentials provided."
            refused(ask, scheme, scheme, 400, 403, none, "invalid_request")
            spaces = "Credentials string" if scheme == "Basic" else "Token string"
            blanks = f"Invalid {kind} header. {spaces} should not contain spaces."
            refused(ask, f"{scheme} a b", scheme, 400, 403, blanks, "invalid_request")
            if scheme == "Basic":
                wrong = "Invalid basic header. Credentials not correctly base64 encoded."
                refused(ask, "Basic !", scheme, 0, 403, wrong)
                refused(ask, basic(STORY["stranger"], good), scheme, 0, 403, "Invalid token or email")
            else:
                wrong = "Invalid token header. Token string should not contain invalid characters."
                refused(ask, f"{scheme} ".encode() + b"\xff\xfe", scheme, 400, 403, wrong, "invalid_request")
            for value in ("x", STORY["unknown"], STORY["deleted"]):
                if scheme == "Bearer" and value == STORY["deleted"]:
                    answer = ask("GET", WORKSPACE, {"Authorization": authorization(scheme, value)})
                    expect(answer, 401)
                    assert answer.json()["detail"].startswith("Invalid token. The token was deleted on "), answer.text
                    assert 'error_description="The token was deleted on ' in answer.headers["www-authenticate"]
                else:
                    refused(ask, authorization(scheme, value), scheme, 401, 403, "Invalid token", "invalid_token")
            permission = "You do not have permission to perform this action."
            agent = STORY["agent_value"]
            header = basic(STORY["agent"], agent) if scheme == "Basic" else f"{scheme} {agent}"
            refused(ask, header, scheme, 403, 403, permission, "insufficient_scope")
    for scheme in SCHEMES:
        me = authorization(scheme, good)
        answer = httpx.get(WORKSPACE, headers=[("Authorization", me), ("Authorization", me)])
        expect(answer, 400)
    expect(requests.get(WORKSPACE, auth=(email, good), timeout=30), 200)

    assert TembaClient(BASE, good).get_org().name == "Acme"
    for bad in ("x", STORY["deleted"]):
        try:
            TembaClient(BASE, bad).get_org()
            raise SystemExit("a bad token was let in")
        except exceptions.TembaTokenError:
            pass


class User(TembaObject):
    uuid = SimpleField()
    name = SimpleField()
    email = SimpleField()
    role = SimpleField()
    created_on = DatetimeField()
    first_name = SimpleField()
    last_name = SimpleField()


def users():
    client = TembaClient(BASE, STORY["value"])
    query = client._get_query("users", {}, User)
    pages = [len(page) for page in query.iterfetches()]
    assert pages == STORY["pages"], pages
    everyone = query.all()
    assert len({user.uuid for user in everyone}) == sum(STORY["pages"])
    ages = [user.created_on for user in everyone]
    assert ages == sorted(ages, reverse=True), "the newest first"
    fetches = query.iterfetches()
    next(fetches)
    resumed = query.iterfetches(resume_cursor=fetches.get_cursor())
    assert [user.uuid for user in next(resumed)] == [user.uuid for user in everyone[250:500]]


def rate():
    """A client that waits as long as it is told gets through."""
    for scheme in SCHEMES:
        me = {"Authorization": authorization(scheme, STORY["value"])}
        answers = [with_requests("GET", WORKSPACE, me) for _ in range(STORY["count"] * 3)]
        over = [answer for answer in answers if answer.status_code == 429]
        assert over, "nobody was throttled"
        for answer in over:
            seconds = int(answer.headers["retry-after"])
            unit = "second" if seconds == 1 else "seconds"
            expect(answer, 429, {"detail": f"Request was throttled. Expected available in {seconds} {unit}."})
        time.sleep(int(over[-1].headers["retry-after"]))
        expect(with_httpx("GET", WORKSPACE, me), 200)
    client = TembaClient(BASE, STORY["value"])
    try:
        for _ in range(STORY["count"] * 3):
            client.get_org()
        raise SystemExit("nobody was throttled")
    except exceptions.TembaRateExceededError as error:
        assert error.retry_after >= 1
    for _ in range(STORY["count"] * 2):
        assert client.get_org(retry_on_rate_exceed=True).name == "Acme"


def unavailable():
    for scheme in SCHEMES:
        me = {"Authorization": authorization(scheme, STORY["value"])}
        answer = with_requests("DELETE", f"{BASE}/api/v2/token.json", me)
        expect(answer, 503, {"detail": "Temporarily unavailable. Try again."}, retry_after="1")


{"table": table, "users": users, "rate": rate, "unavailable": unavailable}[sys.argv[1]]()
