"""Authentication, authorization and accounting of remote users.

Each backend answers one question, `Backend.check`: is this attempt to log in accepted? The question and the verdicts
are records of the core (`ikev1.core.records.remote_access`). Start with `backend` and `options`, which are what the
operator configures. `users_file`, `users` and `user_changes` are the file of users, `programs` and `command` an
external program, `pam` and `pam_conversation` the system's PAM, `radius` a RADIUS server. `chain` asks several backends
in order. `lock_out` delays password guessing.

No backend blocks the event loop: work that blocks or needs much CPU time is done in threads or separate processes,
whose number is limited.
"""
