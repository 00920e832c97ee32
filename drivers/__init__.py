"""Drivers: each speaks one device protocol and says what it saw. They never import `agent`."""
