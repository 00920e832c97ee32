"""A line that knows the truth, beside the core: nothing bound wrongly, no recall too narrow.

Random stations of every strategy work in virtual time: parts with identities, people who forget
and read twice, readers that fail, material that is changed as far from its scan as is declared,
and faults of agent, PLC, links and disk. The core sees what drivers would show. What it emits is
laid beside the truth by a judge that knows none of its functions (`oracle`, `recall`, `counts`):

    1. What is certain is true, of units and of what they received; D-25, D-44.
    2. What was drawn is among the candidates, or is said to be unknown; D-4.
    3. A recall of any lot or serial names each unit that has it, or counts its cycle; D-4, D-7.
    4. No scan disappears, each answered request has one event, addresses have no gap.

A line with every fault at once would prove nothing: what no evidence can show must be excluded. A
line here never does the following, and a plant that does must not trust `certain` there either.

    A1   Only the label of another part is read, or of a part that was taken away since. Read as
         well as the right one, or taken back by a cancel code, it is played.
    A2   A part is scanned before its machine begins on it (`cycle-then-scan`: within the window,
         before the next cycle ends, once more also after that); a late scan lies within `late`
         after the refused cycle.
    A3   A change of material is scanned within the declared uncertainty, after a beep. Only a
         package that has run out is replaced without a scan, where its quantity is counted (D-55).
         A splice lies within the declared pieces, a feed path within the declared times, also over
         standstills and where an empty vessel was filled again, a quantity within the tolerance,
         a vessel seen empty is empty.
    A4   A component is scanned for a unit once the cycle before has asked; nobody forgets one in
         the unit after one that was given up, or of which one was scanned too many.
    A5   `tag`: a code that stays from the cycle before can only be seen where a guard or counter
         moves on, and after a cycle with a record.
    A6   `fifo`: between two proofs of the order one part is taken off or put on, or comes in
         unseen, not two that make up for each other; and none within the settle of its entry. A
         second reader proves the order up to the part that it reads, not of those behind it.
    A7   `carrier`: no carrier is loaded anew unread at its unload point and at its load point.
    A8   The PLC tells that it lost its memory by a word, or by numbers that went back, and asks for
         nothing before it was seen; a trigger stands for longer than two polls (D-22).
    A9   A lot of a counting machine stands until it was read: two changes between two readings
         leave no trace.

`python -m tests.soak --steps N --seed S` runs lines until N observations were decided.
"""
