"""The glass box: from octets on a wire to conversations that can be read, checked and explained."""
