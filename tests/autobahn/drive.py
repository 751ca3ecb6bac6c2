"""Runs the cases of the Autobahn suite against an echo server and prints a summary.

The suite's cases are for Python 2, where text is bytes. scripts/autobahn has them translated for Python 3; here its
text is sent as the bytes it stands for, and what comes is handed to it as such text.
"""

import argparse
import binascii
import collections
import importlib
import sys
import types

import txaio

txaio.use_twisted()

from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory

import autobahn
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket.protocol import WebSocketProtocol
from autobahn.websocket.utf8validator import Utf8Validator

# A pass, by the suite's own words; the others are failures.
PASSED = {"OK", "NON-STRICT", "INFORMATIONAL"}
CLOSED_WELL = {"OK", "INFORMATIONAL"}


def to_bytes(text):
    return text.encode("latin-1") if isinstance(text, str) else text


def to_text(data):
    return data.decode("latin-1") if isinstance(data, bytes) else data


def takes_text(owner, name, *fields):
    """Makes the method send text as bytes: its first argument but for `self`, or those named."""
    method = getattr(owner, name)

    def wrapped(self, *args, **named):
        for field in fields:
            if field in named:
                named[field] = to_bytes(named[field])
        return method(self, *map(to_bytes, args), **named)

    setattr(owner, name, wrapped)


def speak_bytes():
    takes_text(WebSocketProtocol, "sendMessageFrameData", "payload")
    takes_text(WebSocketProtocol, "sendMessage", "payload")
    takes_text(WebSocketProtocol, "sendPing", "payload")
    takes_text(WebSocketProtocol, "sendCloseFrame", "reasonUtf8")
    takes_text(Utf8Validator, "validate")
    hexadecimal = binascii.b2a_hex
    binascii.b2a_hex = lambda data: to_text(hexadecimal(to_bytes(data)))
    send = WebSocketProtocol.sendFrame

    def send_frame(self, opcode, payload=b"", payload_len=None, **rest):
        payload = to_bytes(payload)
        if payload_len is not None:
            payload = (payload * (payload_len // len(payload) + 1))[:payload_len]
        self.txFrameStats[opcode] = self.txFrameStats.get(opcode, 0) + 1
        return send(self, opcode, payload, **rest)

    WebSocketProtocol.sendFrame = send_frame


def load_cases(folder):
    """The cases in their order, each with its number; without those for compression, which is not offered."""
    package = types.ModuleType("autobahntestsuite")
    package.__path__ = [folder]
    sys.modules["autobahntestsuite"] = package
    module = importlib.import_module("autobahntestsuite.case")
    module.Case.compare = lambda _, one, other: normal(one) == normal(other)
    return [(case.__name__[len("Case") :].replace("_", "."), case) for case in module.Cases]


def normal(events):
    return [tuple(map(to_text, event)) for event in events]


class Fuzzer(WebSocketClientProtocol):
    """A connection on which one case is tried. The methods are those that cases call."""

    def __init__(self, case):
        WebSocketClientProtocol.__init__(self)
        self.connectionWasOpen = False
        self.createWirelog = False
        self.txFrameStats = {}
        self.case = case(self)

    def onOpen(self):
        self.connectionWasOpen = True
        self.case.onOpen()

    def onMessage(self, payload, isBinary):
        self.case.onMessage(to_text(payload), isBinary)

    def onPong(self, payload):
        self.case.onPong(to_text(payload))

    def onClose(self, wasClean, code, reason):
        self.case.onClose(wasClean, code, reason)

    def connectionLost(self, reason):
        WebSocketClientProtocol.connectionLost(self, reason)
        self.case.onConnectionLost(self.failedByMe)
        self.factory.done(self)

    def enableWirelog(self, _):
        pass

    def later(self, delay, act):
        def if_open():
            if self.state != WebSocketProtocol.STATE_CLOSED:
                act()

        reactor.callLater(delay, if_open)

    def continueLater(self, delay, act, tag=None):
        self.later(delay, act)

    def killAfter(self, delay):
        self.later(delay, self.failConnection)

    def closeAfter(self, delay):
        self.later(delay, self.sendClose)


class Suite(WebSocketClientFactory):
    """Tries one case after another."""

    def __init__(self, url, cases):
        WebSocketClientFactory.__init__(self, url)
        self.setProtocolOptions(failByDrop=False)
        self.cases = cases
        self.results = []

    def buildProtocol(self, addr):
        protocol = Fuzzer(self.cases[len(self.results)][1])
        protocol.factory = self
        return protocol

    def start(self):
        endpoint = HostnameEndpoint(reactor, self.host, self.port)
        endpoint.connect(self).addErrback(self.unreachable)

    def unreachable(self, failure):
        print(failure.getErrorMessage(), file=sys.stderr)
        reactor.stop()

    def done(self, protocol):
        number, _ = self.cases[len(self.results)]
        case = protocol.case
        self.results.append((number, case.behavior, case.behaviorClose, protocol.remoteCloseCode))
        if case.behavior not in PASSED or case.behaviorClose not in CLOSED_WELL:
            print(f"{number}: {case.behavior}, {case.result} Closing: {case.behaviorClose}, {case.resultClose}")
        if len(self.results) < len(self.cases):
            self.start()
        else:
            reactor.stop()


def summary(results):
    """A table of the groups: how many cases, and what became of them."""
    groups = collections.OrderedDict()
    for number, behavior, closing, _ in results:
        counts = groups.setdefault(number.split(".")[0], collections.Counter())
        counts["cases"] += 1
        counts[behavior] += 1
        counts["closed"] += closing in CLOSED_WELL
    columns = ["cases", "OK", "NON-STRICT", "INFORMATIONAL", "FAILED", "closed"]
    lines = ["| group | cases | passed | not strictly | informational | failed | closed as expected |"]
    lines.append("|---|---|---|---|---|---|---|")
    for group, counts in groups.items():
        lines.append("| " + " | ".join([group, *(str(counts[column]) for column in columns)]) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="the suite, translated")
    parser.add_argument("url", help="of a server that sends back what it gets")
    parser.add_argument("groups", nargs="*", help="only the cases whose numbers begin so, such as 6.4")
    options = parser.parse_args()
    speak_bytes()
    cases = load_cases(options.folder)
    if options.groups:
        wanted = tuple(group.rstrip(".") + "." for group in options.groups)
        cases = [case for case in cases if (case[0] + ".").startswith(wanted)]
    suite = Suite(options.url, cases)
    reactor.callWhenRunning(suite.start)
    reactor.run()
    print(summary(suite.results))
    for word in ["NON-STRICT", "INFORMATIONAL"]:
        print(word.lower() + ":", ", ".join(f"{one[0]} ({one[3]})" for one in suite.results if one[1] == word))
    bad = [one for one in suite.results if one[1] not in PASSED or one[2] not in CLOSED_WELL]
    print(f"{len(suite.results)} of {len(cases)} cases tried, {len(bad)} not as expected; autobahn {autobahn.__version__}")
    sys.exit(bool(bad) or len(suite.results) < len(cases))


if __name__ == "__main__":
    main()
