"""The simulated line: two PLCs, a scanner, a broker and a person, on the real protocols.

Nothing here is mocked. The PLCs are processes of their own that speak OPC UA and Modbus, the
scanner is a pseudo-terminal, the broker is Mosquitto, and the agent is `lineside run`. What truly
happened is written down by those who did it, and compared with what was delivered.
"""
