"""The promises of the privacy policy, how the service keeps each, and which checks fail if it is broken.

The evidence report and the page `/privacy` are generated from this table, and the names of the checks in `tests/` are
its sentences. So the texts cannot differ from the code.
"""

from __future__ import annotations

from typing import NamedTuple


class Check(NamedTuple):
    """A test that fails when its sentence becomes false.

    Attributes:
        file: the path of the test's file below `tests/`, without its ending.
        sentence: the name of the test, in words.
    """

    file: str
    sentence: str

    @property
    def test(self) -> str:
        """The test's id in pytest."""
        return f"tests/{self.file}.py::test_{self.sentence.replace(' ', '_')}"


class Promise(NamedTuple):
    """One promise.

    Attributes:
        id: P1 to P11.
        heading: the promise in a few plain words.
        words: the promise in plain words, for users of the software.
        mechanism: how the service keeps the promise, for readers of the code.
        checks: the tests that fail if the promise is broken.
    """

    id: str
    heading: str
    words: str
    mechanism: str
    checks: tuple[Check, ...]


_SAME = "privacy/test_non_interference"
WHO_ASKS = Check(_SAME, "who asks makes no difference")
WHO_ASKS_IN_TROUBLE = Check(_SAME, "who asks makes no difference while s3 fails")
WHO_ASKS_BEFORE = Check(_SAME, "what one client gets does not depend on another having asked")
EVERY_FAULT = Check(_SAME, "a fault of any call reveals nothing of the request")
WHO_UPLOADS = Check("privacy/test_uploads", "who uploads makes no difference")
EVERY_FAULT_OF_PUBLISHING = Check("privacy/test_uploads", "a fault of any call reveals nothing of the uploader")
_TRACES = "privacy/test_traces"
TRACES = Check(_TRACES, "request leaves no trace")
MEMORY = Check(_TRACES, "request leaves no trace in memory")
PUBLISHING_ALONE = Check(_TRACES, "publishing talks to its own bucket and to nobody else")
CLIENT_ALONE = Check(_TRACES, "client contacts only the two hosts and keeps listed fields")
NO_CANARY = Check("privacy/test_canaries", "no canary stays anywhere")
NO_UPLOADER = Check("privacy/test_canaries", "no canary of an uploader stays anywhere")
GATE = Check("privacy/test_gate", "code that gets a request does only what is listed")
UPLOADS = Check("privacy/test_gate", "publishing reads only keys and ids of a notification")
USES = Check("privacy/test_imports", "answering uses only listed parts of libraries")
USES_ELSEWHERE = Check("privacy/test_imports", "publishing and the client use only listed libraries")
LOADS = Check("privacy/test_imports", "answering loads only listed libraries")
SANDBOX = Check("privacy/test_sandbox", "the built answering function reaches only its bucket and log")
SANDBOX_PUBLISHING = Check("privacy/test_sandbox", "the built publishing function reaches only its bucket and log")
BUILT = Check("privacy/test_sandbox", "the built packages hold only reviewed and locked files")
BUILD_STEPS = Check("privacy/test_build_steps", "packages are built by the listed steps")
SEEN_BY = Check("privacy/test_reach", "only four functions get a part of a request")
SCREEN = Check("privacy/test_reach", "the code that sees a request fits on one screen")
THREE_INPUTS = Check("privacy/test_reach", "three things of a request are read")
ONE_CORRESPONDENT = Check("privacy/test_reach", "answering talks to its own bucket and to nobody else")
ONLY_GETS = Check("privacy/test_reach", "answering only reads what is public")
NO_REDIRECT = Check("privacy/test_answers", "every answer is one of a closed list without cookies or redirects")
NO_FIELD = Check("privacy/test_answers", "no document has a field for a person or a forced installation")
DROP_IN = "privacy/test_drop_in"
OLD_VERSION = Check(DROP_IN, "the version in a drop in url stays nowhere")
OLD_VERSION_ALONE = Check(DROP_IN, "the version of a drop in client changes only its answer")
OLD_VERSION_FAULT = Check(DROP_IN, "a fault of any call reveals nothing of a drop in request")
OLD_VERSION_SEEN = Check(DROP_IN, "only four functions get the version")
OLD_VERSION_SCREEN = Check(DROP_IN, "the code that sees the version fits on one screen")
OLD_VERSION_CACHED = Check("answer/test_drop_in", "no cache on the way may keep a url with a version in it")
NOT_BACK = Check("answer/test_drop_in", "a client with this version or a newer one gets nothing")
FINITE_LOG = Check("privacy/test_log", "every line of the log is one of a finite list")
ONLY_RECORDS = Check("answer/test_log", "anything but a record is logged as a constant")
SILENCE = Check("answer/test_log", "no other logger and no warning or hook writes anything")
FEW_LIBRARIES = Check("privacy/test_reach", "answering depends on few libraries")
FEW_MODULES = Check("test_architecture", "answering loads ten modules of ours and no heavy library")
LEGACY_PATH = Check("answer/test_urls", "the number of a legacy copy is dropped")
LEGACY_NAME = Check("answer/test_urls", "number in the place of a name leads nowhere")
LEGACY_UPLOAD = Check("test_object_keys", "name with a number in it is refused")
LEGACY_WIRE = Check("privacy/test_reach", "number in the place of a name never reaches the bucket")
LEGACY_CACHED = Check("answer/test_respond", "no cache on the way may keep a url that nobody knows")
LEGACY_EDGE = Check("template/test_cdn", "the edge keeps no url with the number of an old copy in it")
AUDIT = tuple(
    Check("cli/audit/test_code", sentence)
    for sentence in (
        "other code is named by its files",
        "another layer is found",
        "other code of publishing is found",
        "another version under the alias is found",
        "another version that gets some requests is found",
        "a package that cannot be read is unseen",
    )
)
TEMPLATE = Check("template/test_expanded", "the template holds every rule")
EDGE = Check("template/test_cdn", "the edge uses and passes on nothing of a client but the path")
EDGE_VERSION = Check("template/test_cdn", "the edge keeps no url with a version in it")
RETENTION = Check("privacy/test_log", "a log is kept for days")
QUIET = Check("privacy/test_log", "by default only what somebody has to act on is logged")
HOW_OFTEN = Check("privacy/test_answers", "every document says how often to ask")
FROM_MEMORY = Check("answer/test_store", "known documents are answered while s3 is down for an hour")
NOTHING_TO_SAY = Check("privacy/test_answers", "a client never has to say which version it runs")
TO_ASK = Check("privacy/test_answers", "a manifest says what a client needs to ask its user")
CLIENT_SAME = Check("privacy/test_client", "what a client sends is the same on every machine")
CLIENT_VERIFIES = Check("privacy/test_client", "what a client that verifies sends is the same on every machine")
CLIENT_SENDS = Check("privacy/test_gate", "client makes a request of its url alone")
CLIENT_SAW = Check("privacy/test_client", "what a client sends never says what it saw before")
CLIENT_BARE = Check("privacy/test_client", "a client names the document and the host and nothing else")
CLIENT_DOWNLOAD = Check("privacy/test_client", "a download names the file and the host and nothing else")
CLIENT_DRAWS = Check("privacy/test_client", "the random numbers of a copy do not come from its machine")
CLIENT_UNASKED = Check("privacy/test_client", "nothing is downloaded unasked")
CLIENT_SILENT = Check("privacy/test_client", "no answer of a person is sent")
CLIENT_TRUST = Check("client/test_http", "a server without a trusted certificate gets no request")
CLIENT_STAYS = Check("client/test_http", "a redirect is not followed")
CLIENT_OFF = Check("privacy/test_client", "a client that is switched off opens no connection")
CLIENT_SPREAD = Check("client/test_schedule", "copies are spread evenly over the whole time")
PARTNERS = Check("privacy/test_answers", "a channel of a partner is answered like any other")
PAGE = Check("privacy/test_page", "the page says what the table says")
PAGE_ALONE = Check("privacy/test_page", "the page names no other host and holds no script")
PAGE_TEMPLATES = Check("privacy/test_page", "templates load nothing under any condition")
PAGE_POLICY = Check("privacy/test_page", "pages forbid the browser to load anything")
TO_READ = Check("privacy/test_page", "anyone can read what is promised and what was published")

PROMISES = (
    Promise(
        "P1",
        "Nothing about you is requested",
        "The service has no accounts, no access keys and no fields for personal data. It reads three parts of a "
        "request: whether it reads or writes, the web address of the document, and which copy of the document your "
        "software already has. It never reads anything else.",
        "The handler reads the method, the path and If-None-Match of a request and drops the rest. If two requests "
        "differ only in other parts, everything that can be observed afterwards is equal, byte for byte. A rule about "
        "the source code lists all uses of a request. It refuses any other use, even if that would happen only "
        "sometimes or later.",
        (
            *(WHO_ASKS, TRACES, MEMORY, THREE_INPUTS, GATE, USES, LOADS, SEEN_BY, SCREEN, FEW_MODULES, NO_FIELD),
            *(WHO_UPLOADS, NO_UPLOADER, UPLOADS, PUBLISHING_ALONE, EDGE, EVERY_FAULT_OF_PUBLISHING),
            *(SANDBOX, SANDBOX_PUBLISHING),
        ),
    ),
    Promise(
        "P2",
        "No cookies",
        "The service never sets a cookie. If your software sends one, the answer is the same as without it.",
        "The headers of an answer come from a fixed list, which does not contain Set-Cookie. The answer to a request "
        "with any cookie, query or header equals the answer to the same request without them.",
        (WHO_ASKS, TRACES, MEMORY, GATE, NO_REDIRECT, EDGE),
    ),
    Promise(
        "P3",
        "Nothing is passed on to others",
        "While it answers, the service connects only to its own storage, and asks it for one document by name. It "
        "never redirects you, and its pages load nothing from other hosts. If you choose to download an update, your "
        "software also connects to the host that the publisher chose for the file. Your software gets the name of this "
        "host before it connects.",
        "The checks record what the answering function asks of the system through Python, and its TCP connections "
        "while it asks its bucket. All connections go to that bucket, and it asks for nothing else. The publishing "
        "function connects only to its own bucket, and the project's own client only to the service and to the host of "
        "a file. One check runs the built packages of both functions, and compares every system call with a list: they "
        "reach their bucket, their log and Lambda itself. Another compares the files in these packages with the files "
        "that were checked. No answer is a redirect. A Content-Security-Policy forbids "
        "pages to load anything. The answering function may read public documents and write its own log, and nothing "
        "else. The project's own client follows no redirects. It sends requests only to a server with a trusted "
        "certificate, and it tells the host of a file only which file it wants.",
        (
            *(ONE_CORRESPONDENT, TRACES, GATE, USES, LOADS, SEEN_BY, SCREEN, FEW_LIBRARIES, ONLY_GETS, NO_REDIRECT),
            *(PUBLISHING_ALONE, CLIENT_ALONE, *AUDIT, SANDBOX, SANDBOX_PUBLISHING, BUILT, BUILD_STEPS),
            *(USES_ELSEWHERE, PAGE_ALONE, PAGE_TEMPLATES, PAGE_POLICY, TEMPLATE),
            *(CLIENT_DOWNLOAD, CLIENT_TRUST, CLIENT_STAYS),
        ),
    ),
    Promise(
        "P4",
        "No profiles",
        "No table, list, counter or log line depends on who sends a request.",
        "The answering function may read public documents and write its own log, and nothing else. Its memory, its log "
        "and its requests to the bucket are equal for all senders. The template of the deployment may not contain a "
        "resource that could store a profile.",
        (
            *(WHO_ASKS, WHO_ASKS_BEFORE, TRACES, MEMORY, SEEN_BY, SCREEN, NO_CANARY, GATE, USES, ONLY_GETS, FINITE_LOG),
            *(ONLY_RECORDS, TEMPLATE, OLD_VERSION_ALONE, SANDBOX),
        ),
    ),
    Promise(
        "P5",
        "No mail",
        "The service has no e-mail addresses and cannot send anything. The news about releases is a document that you "
        "fetch. To subscribe, fetch it; to unsubscribe, stop.",
        "The template of the deployment may not contain a resource that could send mail or messages to people. No "
        "document and no log has a field for an e-mail address. The history of a channel is a document like any other.",
        (TEMPLATE, NO_FIELD, NO_CANARY),
    ),
    Promise(
        "P6",
        "The service cannot tell children from adults",
        "The service keeps nothing by which it could recognise anyone: no IP address, no cookie, no number of an "
        "installation or a device. So it treats the requests of children and adults alike.",
        "The checks put a marker into every field of a request. Afterwards no log, answer, request or file contains a "
        "marker, in about twenty encodings, and neither does the memory of the process. Logs are kept for days.",
        (NO_CANARY, TRACES, MEMORY, WHO_ASKS, GATE, USES, FINITE_LOG, RETENTION, QUIET, TEMPLATE, SANDBOX),
    ),
    Promise(
        "P7",
        "Numbers of old copies are dropped",
        "Old copies of some programs send a number that identifies the copy. Such a copy gets the same answer as a "
        "copy that sends none. If the number is in the place of a name in the web address, the answer is the one for "
        "every unknown web address: not found. The service drops the number, and keeps no part or trace of it in any "
        "form.",
        "A number at the end of a path is recognised by its form and removed before other code sees the path. A number "
        "in a query, a header, a cookie or a body is never read. No product, channel, document or language may have a "
        "name that looks like such a number. So a number in the place of a name gives the constant 404, and never "
        "reaches the bucket. A name looks like a number if it contains a GUID. It also does if the whole name, or a "
        "part of it between dots, is seven digits or more, or dn and digits. All other names are looked up in the "
        "bucket. Examples are a shorter number, or a number that a letter, a dash or an underscore joins to more text. "
        "Afterwards nothing depends on the number, not even on its length. No failing call can bring the number to the "
        "log or to the Lambda runtime. A CDN stores no web address with a number in it, and no cache may store a web "
        "address that the service does not know.",
        (
            *(WHO_ASKS, WHO_ASKS_IN_TROUBLE, TRACES, MEMORY, EVERY_FAULT, NO_CANARY, GATE, USES, LEGACY_PATH),
            *(LEGACY_CACHED, SEEN_BY, SCREEN, SILENCE, LEGACY_NAME, LEGACY_UPLOAD, LEGACY_WIRE, EDGE, LEGACY_EDGE),
            SANDBOX,
        ),
    ),
    Promise(
        "P8",
        "Your software rarely needs to check",
        "Every answer states how long it is valid, so your software need not check often. Your software never has to "
        "send its version: it compares versions itself. If the storage fails, the service still answers with the "
        "documents that it has in memory. Only old copies that cannot be changed may send their version in the web "
        "address, if their publisher allows that. The service compares that version and forgets it.",
        "The header Cache-Control, which states how long an answer is valid, is one of a few constants. Web addresses "
        "contain no versions, except below /drop-in/, which is off unless a product turns it on. There the service "
        "compares the version with one document. The version reaches no log, no file and no request to the bucket. No "
        "cache may store the web address. While the bucket fails, a document that was read before is answered from "
        "memory, for up to a week. The project's own client sends the same request from every machine, and the request "
        "does not depend on earlier answers. The times of its requests are spread evenly and do not depend on the "
        "machine.",
        (
            *(HOW_OFTEN, NOTHING_TO_SAY, FROM_MEMORY, WHO_ASKS_IN_TROUBLE, OLD_VERSION, OLD_VERSION_ALONE),
            *(OLD_VERSION_FAULT, OLD_VERSION_SEEN, OLD_VERSION_SCREEN, OLD_VERSION_CACHED, GATE, USES, EDGE_VERSION),
            *(NOT_BACK, CLIENT_SAME),
            *(CLIENT_VERIFIES, CLIENT_SAW, CLIENT_SENDS, CLIENT_BARE, CLIENT_ALONE, CLIENT_SPREAD, CLIENT_DRAWS),
        ),
    ),
    Promise(
        "P9",
        "You decide",
        "The document contains what your software needs to ask you: the version, what is new, how large it is and "
        "whether it is critical. Nothing in it can force an installation, and the service does not learn what you "
        "chose.",
        "The schema of the document has these fields, and no field that installs anything by itself. The project's own "
        "client asks its user, and downloads nothing before the user's answer. It installs nothing, and sends the "
        "user's answer to nobody. Once it is switched off, it opens no connection.",
        (TO_ASK, NO_FIELD, CLIENT_OFF, CLIENT_UNASKED, CLIENT_SILENT),
    ),
    Promise(
        "P10",
        "The same for copies from partners",
        "Some copies come with the software of a partner. They use a channel of their own, with the same promises.",
        "A channel is a name in a web address. No code and no rule treats one channel differently from another.",
        (PARTNERS, WHO_ASKS),
    ),
    Promise(
        "P11",
        "Open to read",
        "This page shows what is promised and how it is checked. Anyone can read what was published, with its history "
        "and downloads, at the web addresses that your software uses.",
        "This page is generated from the table that also names the checks, and is answered like any other document.",
        (PAGE, TO_READ, PAGE_ALONE),
    ),
)

SUMMARY = (
    "You need no account, and no number of you or your device.",
    "Everyone who asks for the same document gets the same answer.",
    "The service does not record who asks. Its log has no field for that.",
    "Amazon hosts it, and must handle your IP address during a connection.",
    "Anyone can check this. The last section says what nobody can check.",
)
"""The page in five lines."""

NOT_PROVABLE = (
    (
        "Amazon Web Services (AWS) runs the service, and must handle the IP address of a request while the connection "
        "lasts. The service switches on no log of it. We cannot see whether AWS's own systems keep anything for longer."
    ),
    (
        "API Gateway, the part of AWS that receives requests, adds an ID of its own to every answer (apigw-requestid). "
        "The service neither sees nor logs this ID, and cannot switch it off."
    ),
    (
        "A publisher may use Amazon's CDN, CloudFront, in place of API Gateway; the default is without it. CloudFront "
        "then handles the IP address, and adds IDs of its own to answers. It shows the publisher reports: which web "
        "addresses were requested, how often, from which countries and with which kinds of programs. It makes these "
        "reports from its own records, and AWS documents no way to switch them off."
    ),
    (
        "The operator of the deployment could deploy other code, or switch on logging for the whole account. "
        "`comet-updates audit` reads what is deployed and reports what differs. It cannot report what was deployed "
        "yesterday."
    ),
    ("Networks on the way, name servers and certificate authorities can see that somebody used this service."),
    (
        "Timing: an answer from memory is faster than one from storage, for everyone alike. This shows whether a "
        "document was requested shortly before, but not by whom."
    ),
    ("Downloads come from the host that the publisher names. Ask the publisher what that host keeps."),
    (
        "The checks run the real code of the functions and the real Lambda runtime client, with a stand-in for S3. No "
        "check has run on AWS itself."
    ),
)
"""The limits: facts that no check in this project can prove. They are part of the report and of the page."""


def checks() -> tuple[Check, ...]:
    """Return all checks of all promises, each once, in the order of the table."""
    return tuple(dict.fromkeys(check for promise in PROMISES for check in promise.checks))
