"""The journal: what happened at this station, in order, on disk.

Laws:
    1. The events of one decision become durable together or not at all.
    2. seq starts at 1 in each epoch and rises by one; each event carries its predecessor's hash.
    3. What was acknowledged is there, or is named as lost: the mark knows how far history went.
    4. What is handed out was proven first, from its own bytes.

On damage the files are set aside, what still proves itself stays, and the rest is named: a new
epoch tells it by `history_lost`, and work goes on.

The agent opens a journal with `open_journal` (sqlite.py); commands read beside it with
`JournalReader` (reader.py) and prove it with `verify` (verify.py); `seal` (chain.py) makes the
rows.
"""
