"""The library behind `import ikev1`: the engine and the codec as test engineers and tool writers use them.

- `ike`: `Ike`, one IKEv1 endpoint without sockets, threads or a clock.
- `connections`: `psk`, `certificate` and `tunnel`, which make the settings that `Ike` follows.
- `message`: `Message`, one ISAKMP message to read, change and build.
- `events`, `keys`: what `ikev1.events` and `ikev1.keys` export besides the names of the core.
- `certificate_check`: an answer to `ikev1.events.CheckCertificate` by `ikev1.pki`, where its packages are installed.
- `translate_errors`: how the errors of the lower floors become those of `ikev1.errors`.
"""
