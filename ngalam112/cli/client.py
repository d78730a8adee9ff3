"""Talks to the engine's API on loopback, as the command line does."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from ngalam112.cli.own_token import personal_token
from ngalam112.cli.person import person
from ngalam112.config.settings import Settings
from privacy.trail import USER_HEADER

HOST = "127.0.0.1"
_START = "start the line: ngalam112 up"


class ClientError(Exception):
    """The engine did not do as asked. Kinds: EngineDown, EngineSilent, EngineRefused."""


class EngineDown(ClientError):
    """Nobody listens at the API's port."""


class EngineSilent(ClientError):
    """Somebody listens but does not answer in time, or is no engine."""


class EngineRefused(ClientError):
    """The engine says no; the message is its sentence, `status` the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """The API of the line with these settings. `timeout_s` is for one request.

    A `path` is what stands in a URL: parts that come from people are quoted by the caller.
    """

    def __init__(self, settings: Settings, timeout_s: float = 60.0) -> None:
        self._settings, self._timeout_s = settings, timeout_s

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Ask for `path` and return the answer; raises a ClientError."""
        query = f"?{urlencode(params, errors='replace')}" if params else ""
        return self._request("GET", path + query, None)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Have `path` done and return the answer; raises a ClientError."""
        return self._request("POST", path, json.dumps(body or {}))

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Have `path` be as the body says and return the answer; raises a ClientError."""
        return self._request("PUT", path, json.dumps(body))

    def delete(self, path: str) -> Any:
        """Have `path` removed and return the answer; raises a ClientError."""
        return self._request("DELETE", path, None)

    def _request(self, method: str, target: str, body: str | None) -> Any:
        port = self._settings.api_port
        own = personal_token()
        if own is None and not (self._settings.home / "secrets.json").exists():
            # to ask is no reason to make the secrets of a line that was never started
            raise EngineDown(
                f"The engine is down (no line has ever run in {self._settings.home}); {_START}."
            )
        connection = http.client.HTTPConnection(HOST, port, timeout=self._timeout_s)
        headers = {
            "Authorization": f"Bearer {own or self._settings.secrets.api_token}",
            USER_HEADER: quote(person()),  # for the access trail
        }
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
            value = json.loads(text)
        except ConnectionRefusedError:
            raise EngineDown(
                f"The engine is down (nobody listens at port {port}); {_START}."
            ) from None
        except TimeoutError:
            raise EngineSilent(
                f"The engine at port {port} did not answer in {self._timeout_s:g} s; "
                "see its log, or stop it and start it again."
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = str(error) or type(error).__name__
            raise EngineSilent(
                f"What listens at port {port} is no engine of ours ({why}); "
                "check NGALAM112_API_PORT."
            ) from None
        finally:
            connection.close()
        if status == 401 and own is None:
            raise EngineRefused(
                f"The engine at port {port} is another line's; "
                "check NGALAM112_API_PORT and NGALAM112_HOME.",
                status,
            )
        if status >= 400:
            raise EngineRefused(_sentence(value, status), status)
        return value


def _sentence(value: Any, status: int) -> str:
    said = value.get("error") if isinstance(value, dict) else None
    return said if isinstance(said, str) else f"The engine refused (HTTP {status})."
