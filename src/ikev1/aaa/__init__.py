"""Authentication, authorization and accounting of users: who a remote user is, and what the user may have.

Each backend answers one question, `Backend.check`: is this attempt to log in accepted? Start with `records` (the
question and the verdicts) and `backend`. `users_file`, `users` and `user_changes` are the file of users, `programs` and
`command` a program that decides, `pam` and `pam_conversation` the system's PAM, `radius` a RADIUS server. `chain` asks
several backends in order. `lock_out` slows down those who guess.

No backend blocks the event loop: what takes CPU time or blocks runs in a thread or in a process of its own, and the
number of these is bounded.
"""
