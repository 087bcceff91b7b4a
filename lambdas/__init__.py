"""What AWS invokes: `stream.handler` per batch of audit events, `hourly.handler` per hour."""
