"""Errors that operations raise; `web.responses` writes them in Harbor's error envelope."""

STATUS_BY_CODE = {
    "BAD_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "DENIED": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "PRECONDITION": 412,
    "UNPROCESSABLE_ENTITY": 422,
    "UNKNOWN": 500,
}


class HarborError(Exception):
    """An error of Harbor: its code, its message, and headers of the response."""

    def __init__(self, code: str, message: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """HTTP status."""
        return STATUS_BY_CODE[self.code]


def bad_request(message: str) -> HarborError:
    """Return a 400 with this message."""
    return HarborError("BAD_REQUEST", message)


def unprocessable(text: str) -> HarborError:
    """Return a 422 with go-swagger's message."""
    return HarborError("UNPROCESSABLE_ENTITY", f"validation failure list:\n{text}")
