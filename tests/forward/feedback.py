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


def main() -> None:
    with DatagramServer() as server, DatagramServer() as phone:
        command = [*SIPSCOPE, "agent", "-i", "lo", "--hep-send", f"udp://{LOOPBACK}:{server.port}"]
        agent = subprocess.Popen(command)
        try:
            time.sleep(2)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
                for number in range(SENT):
                    message = request("OPTIONS", call_id=str(number))
                    caller.sendto(message, (LOOPBACK, phone.port))
            time.sleep(3)
        finally:
            agent.terminate()
            agent.wait(10)
        print(SENT, sum(fields(message).number(11) == 1 for message in server.messages))


if __name__ == "__main__":
    main()
