"""
The contract of a sink, and the sinks that need no library. Also a wire name: specifications name these classes here.
"""

from greensdk.deliver.sinks import CallbackSink, JsonlSink, MemorySink, Sink, StdoutSink, memory

__all__ = ["CallbackSink", "JsonlSink", "MemorySink", "Sink", "StdoutSink", "memory"]
