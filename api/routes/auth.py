"""Signing in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.security import OAuth2PasswordRequestForm

from api.deps import HubDep, now
from api.problems import Unauthorized
from api.schemas import TokenOut
from hub.store.sessions import TOKEN_LIFE

router = APIRouter(prefix="/v1/auth", tags=["auth"])


@router.post("/token")
def sign_in(form: Annotated[OAuth2PasswordRequestForm, Depends()], hub: HubDep) -> TokenOut:
    """A bearer token for a user name and password (OAuth2 password form)."""
    token = hub.accounts.sign_in(username=form.username, password=form.password, now=now())
    if token is None:
        raise Unauthorized("user name or password is wrong")
    return TokenOut(access_token=token, expires_in=TOKEN_LIFE // 1000)
