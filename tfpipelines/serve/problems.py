"""What a client is told when something is wrong: one shape for all of it."""

import json
from collections.abc import Mapping
from typing import Any

STATUS = {
    "malformed": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method": 405,
    "slow": 408,
    "too_large": 413,
    "unsupported": 415,
    "unreadable": 422,
    "busy": 429,
    "bug": 500,
    "not_ready": 503,
    "too_long": 504,
}  # code -> HTTP status


class Problem(Exception):
    """An answer in place of a prediction.

    Args:
        code: a key of `STATUS`.
        cause: one sentence that says what is wrong.
        remedy: one sentence that says what to do about it.
        item: name or number of the input concerned; None: the request as a whole.
        headers: of the response.
    """

    def __init__(
        self, code: str, cause: str, remedy: str = "", item: str | None = None, headers: Mapping[str, str] | None = None
    ):
        super().__init__(cause)
        self.code, self.cause, self.remedy, self.item = code, cause, remedy, item
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """Of HTTP."""
        return STATUS[self.code]

    def facts(self) -> dict[str, Any]:
        """JSON values."""
        return {"code": self.code, "cause": self.cause, "remedy": self.remedy, "item": self.item}

    def body(self, request_id: str = "", plain: bool = False) -> bytes:
        """The document of the response.

        Args:
            plain: in the words of the Open Inference Protocol, whose errors are one string.
        """
        if plain:
            return json.dumps({"error": f"{self.cause} {self.remedy}".rstrip()}, ensure_ascii=False).encode()
        told = {"error": self.facts()}
        return json.dumps(told | {"request_id": request_id} if request_id else told, ensure_ascii=False).encode()

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any], item: str | None = None) -> "Problem":
        """Restored.

        Args:
            item: that it is about, where the facts do not say.
        """
        return cls(facts["code"], facts["cause"], facts.get("remedy", ""), facts.get("item") or item)
