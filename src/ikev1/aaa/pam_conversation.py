"""One conversation with PAM, in a process of its own: `ikev1.aaa.pam` starts this file, and they exchange JSON lines.

PAM modules block, may crash their process, and keep state in it. This file imports nothing from the package, so that
the process starts quickly.

Input, first line: ``{"service", "user", "address", "secret"}``; then, for each challenge, a line ``{"secret"}``.
Output, for each challenge: ``{"verdict": "challenged", "hidden": BOOL, "text"}``; at the end ``{"verdict": "accepted"
| "rejected" | "unavailable", "reason", "user"}``, where ``user`` is the name that PAM has for an accepted user.
The secret of the first line answers the first hidden prompt; each further prompt is a challenge.
"""

from __future__ import annotations

import ctypes
import json
import sys

PROMPT_ECHO_OFF, PROMPT_ECHO_ON, ERROR_MSG, TEXT_INFO = 1, 2, 3, 4  # <security/_pam_types.h>
_USER, _RHOST, _TTY = 2, 4, 3
_CONV_ERROR, _MEMORY_ERROR = 19, 5
# The system is at fault, and not the user: PAM_OPEN_ERR, SYMBOL_ERR, SERVICE_ERR, BUF_ERR, AUTHINFO_UNAVAIL, ABORT,
# MODULE_UNKNOWN. All others count as failed logins: pam_exec, for one, makes PAM_SYSTEM_ERR of a wrong password.
_UNAVAILABLE = {1, 2, 3, 5, 9, 26, 28}
_MOST_PROMPTS = 8


class Conversation:
    """Answers PAM's prompts, and collects its messages between them."""

    def __init__(self, secret: str) -> None:
        self._secret: str | None = secret
        self._said: list[str] = []
        self._prompts = 0

    def answer(self, style: int, text: str) -> str | None:
        """The answer to one message of PAM; None if it needs none.

        Raises:
            EOFError: the user does not answer, or is asked too often.
        """
        if style not in (PROMPT_ECHO_OFF, PROMPT_ECHO_ON):
            self._said.append(text)
            return None
        if self._secret is not None and style == PROMPT_ECHO_OFF:
            secret, self._secret = self._secret, None
            return secret
        self._prompts += 1
        if self._prompts > _MOST_PROMPTS:
            raise EOFError
        said, self._said = [*self._said, text], []
        _write(verdict="challenged", hidden=style == PROMPT_ECHO_OFF, text=" ".join(said)[:255])
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return str(json.loads(line)["secret"])


def main() -> None:
    """Hold the conversation that the first line of standard input asks for."""
    question = json.loads(sys.stdin.readline())
    try:
        import pamela
    except (ImportError, AttributeError, OSError) as error:
        _write(verdict="unavailable", reason=f"PAM cannot be loaded: {type(error).__name__}")
        return
    callback = _callback(pamela, Conversation(question["secret"]))  # has to live as long as the handle
    try:
        handle = pamela.pam_start(question["service"], question["user"], callback)
    except pamela.PAMError as error:
        _write(verdict="unavailable", reason=f"PAM cannot be started: {error.errno}")
        return
    handle.set_item(_RHOST, question["address"])
    handle.set_item(_TTY, "ikev1")
    status = pamela.PAM_AUTHENTICATE(handle, 0) or pamela.PAM_ACCT_MGMT(handle, 0)
    text = pamela.pam_strerror(handle, status)
    user = _user(handle) if status == 0 else ""
    pamela.PAM_END(handle, status)
    if status == 0:
        _write(verdict="accepted", reason="", user=user)
    else:
        _write(verdict="unavailable" if status in _UNAVAILABLE else "rejected", reason=f"PAM: {text}")


def _user(handle) -> str:  # type: ignore[no-untyped-def]
    """The name of the user after authentication, which a module may have replaced; empty if it is no text."""
    try:
        return handle.get_item(_USER) or ""
    except UnicodeDecodeError:
        return ""


def _callback(pamela, conversation: Conversation):  # type: ignore[no-untyped-def]
    """The conversation function for PAM. PAM frees the answers, so they are allocated by the C library."""

    @pamela.CONV_FUNC
    def callback(count, messages, responses, _data):  # type: ignore[no-untyped-def]
        memory = pamela.CALLOC(count, ctypes.sizeof(pamela.PamResponse))
        if not memory:
            return _MEMORY_ERROR
        answers = ctypes.cast(memory, ctypes.POINTER(pamela.PamResponse))
        try:
            for number in range(count):
                message = messages[number].contents
                text = ctypes.cast(message.msg, ctypes.c_char_p).value or b""
                answer = conversation.answer(message.msg_style, text.decode(errors="replace"))
                if answer is not None:
                    answers[number].resp = pamela.STRDUP(answer.encode())
        except Exception:  # ctypes would print what leaves a callback, and PAM would take the result for success
            return _CONV_ERROR  # PAM frees nothing; this process ends soon
        responses[0] = answers
        return 0

    return callback


def _write(**answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
