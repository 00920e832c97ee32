"""The composition root: the only place that knows everything. It builds, wires and runs."""
