"""Signatures by Standard Webhooks: the specification's example, its package, and any change."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from standardwebhooks import Webhook as TheirWebhook

from deliveries.signatures import (
    ID,
    MOST_SIGNATURES,
    SIGNATURE,
    TIMESTAMP,
    TOLERANCE_S,
    Secret,
    SecretError,
    SignatureError,
    new_secret,
    sign,
    verify,
)

NOW = 1_790_000_000
TEXT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = Secret(TEXT)
BODY = b'{"type":"dispatch.accepted","data":{"incident":"2026-17"}}'


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    headers = sign([KEY], "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', 1614265330.9)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(
    st.binary(min_size=24, max_size=64),
    st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    st.text(),
    st.integers(0, 4_000_000_000),
)
def test_the_usual_package_signs_the_same(
    secret: bytes, message_id: str, text: str, now: int
) -> None:
    assume(text.isprintable())  # the package takes no halves of characters
    key = "whsec_" + base64.b64encode(secret).decode()
    headers = sign([Secret(key)], message_id, text.encode(), now)
    when = datetime.fromtimestamp(now, UTC)
    assert headers[SIGNATURE] == TheirWebhook(key).sign(message_id, when, text)
    assert verify(headers, text.encode(), [Secret(key)], now) == message_id


def test_a_message_is_verified_by_either_secret_while_one_is_changed() -> None:
    old, new, other = Secret(new_secret()), Secret(new_secret()), Secret(new_secret())
    headers = sign([new, old], "job-1", BODY, NOW)
    for keys in ([old], [new], [other, old], [old, new]):
        assert verify(headers, BODY, keys, NOW) == "job-1"
    with pytest.raises(SignatureError, match="agreed secret"):
        verify(headers, BODY, [other], NOW)
    with pytest.raises(SignatureError, match="agreed secret"):
        verify(headers, BODY, [], NOW)


@pytest.mark.parametrize("off", [-TOLERANCE_S, 0, TOLERANCE_S])
def test_a_clock_may_be_five_minutes_off(off: int) -> None:
    assert verify(sign([KEY], "job-1", BODY, NOW + off), BODY, [KEY], NOW) == "job-1"


@pytest.mark.parametrize("off", [-TOLERANCE_S - 1, TOLERANCE_S + 1])
def test_an_old_message_is_refused_and_one_of_the_future_too(off: int) -> None:
    with pytest.raises(SignatureError, match="from now"):
        verify(sign([KEY], "job-1", BODY, NOW + off), BODY, [KEY], NOW)


@given(st.data())
def test_any_change_of_a_byte_is_refused(data: st.DataObject) -> None:
    headers = sign([KEY], "job-1", BODY, NOW)
    parts = [*(value.encode() for value in headers.values()), BODY]
    which = data.draw(st.integers(0, len(parts) - 1))
    place = data.draw(st.integers(0, len(parts[which]) - 1))
    changed = bytearray(parts[which])
    changed[place] ^= data.draw(st.integers(1, 255))
    parts[which] = bytes(changed)
    texts = [one.decode("utf-8", "surrogateescape") for one in parts[:3]]
    with pytest.raises(SignatureError):
        verify(dict(zip(headers, texts, strict=True)), parts[3], [KEY], NOW)


@given(st.dictionaries(st.sampled_from([ID, TIMESTAMP, SIGNATURE]), st.text()), st.binary())
def test_headers_of_any_text_are_refused_by_the_one_error(
    headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(SignatureError):
        verify(headers, body, [KEY], NOW)


@pytest.mark.parametrize(
    "change",
    [
        {SIGNATURE: ""},
        {SIGNATURE: "v1"},
        {SIGNATURE: "v1,"},
        {SIGNATURE: "v1a,AAAA"},
        {SIGNATURE: " ".join(["v1,AAAA"] * (MOST_SIGNATURES + 1))},
        {SIGNATURE: "x" * 100_000},
        {TIMESTAMP: "1790000000.0"},
        {TIMESTAMP: "nan"},
        {TIMESTAMP: "٣"},
        {TIMESTAMP: "9" * 5000},
        {ID: ""},
        {ID: "job.1"},
        {"Webhook-Id": "job-2"},
    ],
)
def test_malformed_headers_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(SignatureError):
        verify(sign([KEY], "job-1", BODY, NOW) | change, BODY, [KEY], NOW)


def test_names_of_headers_may_be_in_any_case_and_other_signatures_stand_beside() -> None:
    headers = {key.title(): value for key, value in sign([KEY], "job-1", BODY, NOW).items()}
    headers["Webhook-Signature"] = "v1a,AAAA " + headers["Webhook-Signature"]
    assert verify(headers, BODY, [KEY], NOW) == "job-1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        TEXT.removeprefix("whsec_"),
        "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa\n w",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        "whsec_é",
    ],
)
def test_a_secret_that_is_none_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(SecretError) as caught:
        Secret(text)
    assert text[6:] == "" or text[6:] not in str(caught.value)


def test_a_secret_shows_itself_nowhere() -> None:
    assert TEXT[6:] not in repr(KEY) and TEXT[6:] not in repr([KEY])


@pytest.mark.parametrize("message_id", ["", "job.1", "a b", "x" * 65, "é", "1\n"])
def test_an_id_that_could_be_read_in_two_ways_is_not_signed(message_id: str) -> None:
    with pytest.raises(ValueError, match="id has"):
        sign([KEY], message_id, BODY, NOW)


def test_no_secret_and_too_many_sign_nothing() -> None:
    for keys in ([], [KEY] * (MOST_SIGNATURES + 1)):
        with pytest.raises(ValueError, match="secrets"):
            sign(keys, "job-1", BODY, NOW)
