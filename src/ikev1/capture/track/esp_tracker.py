"""The ESP flows of a capture, their keys, and the conversations that negotiated them."""

from __future__ import annotations

from collections import defaultdict

from ikev1.capture.decrypt.quick_mode_values import QuickMode
from ikev1.capture.keys.key_ring import EspKeys, KeyRing
from ikev1.capture.records.packets import EspPacket
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.capture.track.esp_flows import TrackedFlow
from ikev1.capture.track.tracker import Tracker
from ikev1.wire.registry import ProtocolId

MOST_FLOWS = 20_000
"""Flows kept: bounds memory if every packet has a new SPI."""


class EspTracker:
    """Assigns ESP packets to flows. ``left_out`` counts the packets of flows beyond `MOST_FLOWS`."""

    def __init__(self, key_ring: KeyRing) -> None:
        self.left_out = 0
        self._key_ring = key_ring
        self._flows: dict[tuple[bytes, str, str], TrackedFlow] = {}
        self._keys: defaultdict[int, list[EspKeys]] = defaultdict(list)
        for keys in key_ring.esp:
            self._keys[keys.keys.spi].append(keys)
        self._owners: dict[
            tuple[bytes, str], TrackedConversation
        ] = {}  # SPI and destination: the conversation that made the SA

    def add(self, packet: EspPacket) -> None:
        """Add a packet."""
        name = (packet.payload[:4], packet.source, packet.destination)
        flow = self._flows.get(name)
        if flow is None:
            if len(self._flows) == MOST_FLOWS:
                self.left_out += 1
                return
            flow = self._flows[name] = TrackedFlow(packet, self._keys[int.from_bytes(packet.payload[:4])])
        flow.add(packet)

    def add_quick_mode(self, conversation: TrackedConversation, quick: QuickMode) -> None:
        """Register the SAs that a Quick Mode negotiated, with their keys if known."""
        for sa in quick.sas():
            if sa.protocol == ProtocolId.ESP:
                self._owners[sa.spi, conversation.endpoints.host(sa.destination)] = conversation
        secrets = conversation.decryptor.secrets
        if secrets is not None:
            # with perfect forward secrecy, the packets show which candidate for g(qm)^xy is right
            for agreed in quick.agreed_secrets(self._key_ring):
                for keys in quick.esp_keys(secrets, agreed.octets):
                    known = self._keys[keys.keys.spi]
                    if all(keys.keys != each.keys for each in known):
                        known.append(keys)

    def flows_of(self, tracker: Tracker) -> tuple[dict[int, list[TrackedFlow]], list[TrackedFlow]]:
        """The flows of each conversation, by its index in ``tracker``, and the flows of no conversation."""
        by_hosts = tracker.by_hosts()
        places = {id(conversation): place for place, conversation in enumerate(tracker.all)}
        owned: defaultdict[int, list[TrackedFlow]] = defaultdict(list)
        foreign: list[TrackedFlow] = []
        for flow in self._flows.values():
            owner = self._owners.get((flow.spi, flow.hosts[1])) or by_hosts.get(frozenset(flow.hosts))
            (foreign if owner is None else owned[places[id(owner)]]).append(flow)
        return owned, foreign
