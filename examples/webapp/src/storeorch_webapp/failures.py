"""Every answer to a request that is refused or goes wrong, in one form.

Errors of the library are made for users and are passed on with the status that fits.
Everything else is a defect: its text goes into the operator's log and nowhere else.

This module must know no route.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storeorch import StoreorchError, errors, report_error
from storeorch_webapp.models import ErrorBody, Failure, Problem

RETRY_SECONDS: Final = 5
"""What a client is told to wait where something around the app is missing."""

_DEFECT: Final = 500

_STATUS: Final[tuple[tuple[type[StoreorchError], int], ...]] = (
    (errors.InvalidDeclaration, 400),
    (errors.StoreNotFound, 404),
    (errors.TooManyStores, 403),
    (errors.TooManyCreations, 429),
    (errors.StoreConflict, 409),
    (errors.EnvironmentNotReady, 503),
    (errors.StepError, 502),
)
"""The first class that an error belongs to decides."""

_HINTS: Final = {
    errors.StoreNotFound.code: "See the stores with GET /api/stores.",
    errors.UnknownStoreType.code: "See the types with GET /api/types.",
}
"""Where the library's hint names a command, which is of no use here."""

TOO_LARGE: Final = "The body of the request is too large."

_SENTENCES: Final = {
    400: ("bad-request", "The request cannot be read."),
    404: ("not-found", "There is nothing at this address."),
    405: ("method-not-allowed", "This method is not possible here."),
    406: ("not-acceptable", "There is no answer in a form that is accepted."),
    413: ("body-too-large", TOO_LARGE),
    415: ("unsupported-media-type", "The body has to be JSON."),
}

_BAD_NAME: Final = {"name": errors.InvalidStoreName.code, "type": errors.UnknownStoreType.code}


class Refused(Exception):
    """A request that the app itself refuses.

    Args:
        status: The HTTP status.
        code: Stable kebab-case code.
        message: One sentence for users.
        hint: What to do next.
        headers: Headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = ErrorBody(code=code, message=message, hint=hint)
        self.headers = dict(headers or {})


def answer(status: int, body: ErrorBody, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the answer with an error."""
    return JSONResponse(
        Failure(error=body).model_dump(mode="json"), status_code=status, headers=dict(headers or {})
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route says of its refusals in the OpenAPI document."""
    return {status: {"model": Failure, "description": "Refused"} for status in statuses}


def status_of(error: StoreorchError) -> int:
    """Return the HTTP status of an error of the library; 500 is a defect."""
    return next((status for cls, status in _STATUS if isinstance(error, cls)), _DEFECT)


def install(app: FastAPI) -> None:
    """Answer every error in the one form."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(StoreorchError, _storeorch)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


class LastResort:
    """Answers what nobody expected, and keeps it in the operator's log.

    Args:
        app: What may fail.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app; an answer that has begun is broken off."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:  # noqa: BLE001 - nobody is left to answer it
            body = _defect(error, scope["path"])
            if begun:
                raise ConnectionAbortedError("the answer was broken off") from None
            await answer(500, body)(scope, receive, send)


async def _refused(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    assert isinstance(error, Refused)  # noqa: S101 - registered for it
    return answer(error.status, error.body, error.headers)


async def _storeorch(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StoreorchError)  # noqa: S101 - registered for it
    status = status_of(error)
    headers = {"Retry-After": str(RETRY_SECONDS)} if status in {429, 503} else {}
    return answer(status, told_of(error, request.url.path), headers)


def told_of(error: Exception, path: str) -> ErrorBody:
    """Return what a client is told of an error; what an operator should know is in their log.

    Args:
        error: What went wrong, a defect if it is not the library's.
        path: What was asked for.
    """
    if not isinstance(error, StoreorchError) or (status := status_of(error)) == _DEFECT:
        return _defect(error, path)
    error_id = None
    if status > _DEFECT:  # not the client's fault
        error_id = report_error("request failed", error, path=path)
    return ErrorBody(
        code=error.code,
        message=error.message,
        hint=_HINTS.get(error.code, error.hint),
        error_id=error_id,
    )


async def _invalid(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    found = error.errors()
    first = found[0]
    if first["type"] == "json_invalid":
        return answer(400, ErrorBody(code="bad-request", message="The body is not valid JSON."))
    fields = tuple(
        Problem(
            field=tuple(_where(each["loc"])),
            code="invalid-request",
            message=f"{each['msg']}.",
        )
        for each in found
    )
    where = ".".join(str(part) for part in fields[0].field) or "body"
    message = f"{where} is not possible: {first['msg']}."
    # The contract of name and type is a 400, whatever is wrong with them.
    code = _BAD_NAME.get(where) if first["loc"][0] == "body" else None
    status = 422 if code is None else 400
    return answer(status, ErrorBody(code=code or "invalid-request", message=message, fields=fields))


async def _http(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    code, message = _SENTENCES.get(error.status_code, ("refused", "The request is refused."))
    return answer(error.status_code, ErrorBody(code=code, message=message), error.headers)


def _where(location: Sequence[int | str]) -> Sequence[int | str]:
    """Leave away whether it was in the body, the query or a header."""
    return location[1:] if len(location) > 1 else location


def _defect(error: BaseException, path: str) -> ErrorBody:
    defect = errors.InternalError()
    return ErrorBody(
        code=defect.code,
        message="Something went wrong inside the app.",
        hint="Its operator finds the detail under the error id.",
        error_id=report_error("request failed", error, path=path),
    )


def seconds_until(moment: float, now: float) -> str:
    """Return whole seconds for ``Retry-After``, at least one."""
    return str(max(1, math.ceil(moment - now)))
