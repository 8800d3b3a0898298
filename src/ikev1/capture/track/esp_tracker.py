"""All ESP of a capture: the flows, their keys, and the conversations that they belong to."""

from __future__ import annotations

from collections import defaultdict

from ikev1.capture.decrypt.quick_mode_values import QuickMode
from ikev1.capture.keys.ring import EspKeys, KeyRing
from ikev1.capture.records.packets import EspPacket
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.capture.track.esp_flows import Flow
from ikev1.capture.track.tracker import Tracker
from ikev1.wire.registry import ProtocolId

MOST_FLOWS = 20_000
"""Flows that are told apart: whoever sends a new SPI with each packet must not fill the memory of who looks at it."""


class Traffic:
    """``left_out`` counts the packets of flows beyond those that are told apart."""

    def __init__(self, ring: KeyRing) -> None:
        self.left_out = 0
        self._ring = ring
        self._flows: dict[tuple[bytes, str, str], Flow] = {}
        self._keys: defaultdict[int, list[EspKeys]] = defaultdict(list)
        for keys in ring.esp:
            self._keys[keys.keys.spi].append(keys)
        self._owners: dict[
            tuple[bytes, str], TrackedConversation
        ] = {}  # SPI and destination: the conversation that made the SA

    def take(self, packet: EspPacket) -> None:
        """Counts a packet."""
        name = (packet.payload[:4], packet.source, packet.destination)
        flow = self._flows.get(name)
        if flow is None:
            if len(self._flows) == MOST_FLOWS:
                self.left_out += 1
                return
            flow = self._flows[name] = Flow(packet, self._keys[int.from_bytes(packet.payload[:4])])
        flow.add(packet)

    def expect(self, dialogue: TrackedConversation, quick: QuickMode) -> None:
        """A Quick Mode made SAs, whose keys may be known."""
        for sa in quick.sas():
            if sa.protocol == ProtocolId.ESP:
                self._owners[sa.spi, dialogue.ends.host(sa.destination)] = dialogue
        secrets = dialogue.opener.secrets
        if secrets is not None:
            # with perfect forward secrecy packets tell which g(qm)^xy is right
            for agreed in quick.agreed_secrets(self._ring):
                for keys in quick.esp_keys(secrets, agreed.octets):
                    known = self._keys[keys.keys.spi]
                    if all(keys.keys != each.keys for each in known):
                        known.append(keys)

    def flows_of(self, dialogues: Tracker) -> tuple[dict[int, list[Flow]], list[Flow]]:
        """The flows of each conversation, by its place in ``dialogues``, and those of none."""
        by_hosts = dialogues.by_hosts()
        places = {id(dialogue): place for place, dialogue in enumerate(dialogues.all)}
        owned: defaultdict[int, list[Flow]] = defaultdict(list)
        foreign: list[Flow] = []
        for flow in self._flows.values():
            owner = self._owners.get((flow.spi, flow.hosts[1])) or by_hosts.get(frozenset(flow.hosts))
            (foreign if owner is None else owned[places[id(owner)]]).append(flow)
        return owned, foreign
