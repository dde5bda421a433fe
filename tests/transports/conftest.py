import pytest

from tests.scripted import ScriptedSession
from tests.transports.transport_wire import Wire
from voicebox.transports.realtime.connection import RealtimeConnection
from voicebox.transports.realtime.session_config import SessionConfig


@pytest.fixture
def wire() -> Wire:
    connection = RealtimeConnection(SessionConfig(), max_queue_bytes=2**20)
    session = ScriptedSession(connection.emit, connection.config.options())
    connection.attach(session)
    return Wire(connection, session)
