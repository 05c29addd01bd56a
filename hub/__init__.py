"""Effects: broker, bridge, pipeline, stores, outbox, command line."""
