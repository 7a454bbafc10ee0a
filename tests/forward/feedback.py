"""Forward what is captured on the loopback interface over the same interface, and count.

python -m tests.forward.feedback

Prints the SIP messages that were sent and those that came to the HEP server.
"""

import socket
import subprocess
import time

from tests.commands import SIPSCOPE
from tests.forward.fields import fields
from tests.forward.servers import LOOPBACK, DatagramServer
from tests.signalling import request

SENT = 50
PROBE = "is anybody listening"
MOST_S = 20


def main() -> None:
    with DatagramServer() as server, DatagramServer() as phone:
        command = [*SIPSCOPE, "agent", "-i", "lo", "--hep-send", f"udp://{LOOPBACK}:{server.port}"]
        agent = subprocess.Popen(command)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
                started = time.monotonic()
                while not server.messages and time.monotonic() - started < MOST_S:
                    caller.sendto(request("OPTIONS", call_id=PROBE), (LOOPBACK, phone.port))
                    time.sleep(0.2)
                for number in range(SENT):
                    message = request("OPTIONS", call_id=str(number))
                    caller.sendto(message, (LOOPBACK, phone.port))
            time.sleep(3)
        finally:
            agent.terminate()
            agent.wait(10)
        arrived = [message for message in server.messages if PROBE.encode() not in message]
        print(SENT, sum(fields(message).number(11) == 1 for message in arrived))


if __name__ == "__main__":
    main()
