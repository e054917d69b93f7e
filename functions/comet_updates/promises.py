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
        policy: the sentence of the policy, quoted.
        heading: the promise in a few plain words.
        words: the promise in plain words, for users of the software.
        mechanism: how the service keeps the promise, for readers of the code.
        checks: the tests that fail if the promise is broken.
    """

    id: str
    policy: str
    heading: str
    words: str
    mechanism: str
    checks: tuple[Check, ...]


_SAME = "privacy/test_non_interference"
WHO_ASKS = Check(_SAME, "who asks makes no difference")
WHO_ASKS_IN_TROUBLE = Check(_SAME, "who asks makes no difference while s3 fails")
WHO_ASKS_BEFORE = Check(_SAME, "what one client gets does not depend on another having asked")
EVERY_FAULT = Check(_SAME, "whatever call fails nothing of the request comes out")
WHO_UPLOADS = Check("privacy/test_uploads", "who uploads makes no difference")
EVERY_FAULT_OF_PUBLISHING = Check("privacy/test_uploads", "whatever call fails nothing of the uploader comes out")
NO_CANARY = Check("privacy/test_canaries", "no canary stays anywhere")
NO_UPLOADER = Check("privacy/test_canaries", "no canary of an uploader stays anywhere")
SEEN_BY = Check("privacy/test_reach", "what sees a request fits on one screen")
THREE_INPUTS = Check("privacy/test_reach", "three things of a request are read")
ONE_CORRESPONDENT = Check("privacy/test_reach", "answering talks to its own bucket and to nobody else")
ONLY_GETS = Check("privacy/test_reach", "answering only reads what is public")
NO_REDIRECT = Check("privacy/test_answers", "every answer is one of a closed list without cookies or redirects")
NO_FIELD = Check("privacy/test_answers", "no document has a field for a person or a way to force an installation")
DROP_IN = "privacy/test_drop_in"
OLD_VERSION = Check(DROP_IN, "the version in a drop in url stays nowhere")
OLD_VERSION_ALONE = Check(DROP_IN, "which version a drop in client runs makes no difference but to its answer")
OLD_VERSION_FAULT = Check(DROP_IN, "whatever call fails nothing of a drop in request comes out")
OLD_VERSION_SEEN = Check(DROP_IN, "what sees the version fits on one screen")
OLD_VERSION_CACHED = Check("answer/test_drop_in", "no cache on the way may keep a url with a version in it")
NOT_BACK = Check("answer/test_drop_in", "a client with this version or a newer one gets nothing")
FINITE_LOG = Check("privacy/test_log", "every line of the log is one of a finite list")
ONLY_RECORDS = Check("answer/test_log", "whatever is not a record comes out as a constant")
SILENCE = Check("answer/test_log", "nobody else can speak")
FEW_LIBRARIES = Check("privacy/test_reach", "answering depends on few libraries")
FEW_MODULES = Check("test_architecture", "the answering function loads ten modules of ours and no heavy library")
LEGACY_PATH = Check("answer/test_urls", "the number of a legacy copy is dropped")
LEGACY_NAME = Check("answer/test_urls", "number in the place of a name leads nowhere")
LEGACY_UPLOAD = Check("test_object_keys", "name with a number in it is refused")
LEGACY_WIRE = Check("privacy/test_reach", "number in the place of a name never reaches the bucket")
LEGACY_CACHED = Check("answer/test_respond", "no cache on the way may keep a url that nobody knows")
LEGACY_EDGE = Check("template/test_cdn", "the edge keeps no url with the number of an old copy in it")
TEMPLATE = Check("template/test_expanded", "the template holds every rule")
EDGE = Check("template/test_cdn", "nothing of a client but the path counts at the edge or is passed on")
EDGE_VERSION = Check("template/test_cdn", "the edge keeps no url with a version in it")
RETENTION = Check("privacy/test_log", "a log is kept for days")
QUIET = Check("privacy/test_log", "by default only what somebody has to act on is logged")
HOW_OFTEN = Check("privacy/test_answers", "every document says how often to ask")
FROM_MEMORY = Check(
    "answer/test_store", "with s3 down for an hour known documents are answered and unknown ones are not"
)
NOTHING_TO_SAY = Check("privacy/test_answers", "a client never has to say which version it runs")
TO_ASK = Check("privacy/test_answers", "a manifest says what a client needs to ask its user")
CLIENT_SAME = Check("privacy/test_client", "what a client sends is the same on every machine")
CLIENT_VERIFIES = Check("privacy/test_client", "what a client that verifies sends is the same on every machine")
CLIENT_SAW = Check("privacy/test_client", "what a client sends never says what it saw before")
CLIENT_BARE = Check("privacy/test_client", "a client names the document and the host and nothing else")
CLIENT_DOWNLOAD = Check("privacy/test_client", "a download names the file and the host and nothing else")
CLIENT_DRAWS = Check("privacy/test_client", "what a copy draws does not come from its machine")
CLIENT_UNASKED = Check("privacy/test_client", "nothing is downloaded unasked")
CLIENT_SILENT = Check("privacy/test_client", "no answer of a person is told")
CLIENT_TRUST = Check("client/test_http", "a server that nobody vouches for gets no request")
CLIENT_STAYS = Check("client/test_http", "a redirect is not followed")
CLIENT_OFF = Check("privacy/test_client", "a client that is switched off opens no connection")
CLIENT_SPREAD = Check("client/test_schedule", "copies are spread evenly over the whole time")
PARTNERS = Check("privacy/test_answers", "a channel of a partner is answered like any other")
PAGE = Check("privacy/test_page", "the page says what the table says")
PAGE_ALONE = Check("privacy/test_page", "the page names no other host and holds no script")
PAGE_POLICY = Check("privacy/test_page", "the browser is told to load nothing")
TO_READ = Check("privacy/test_page", "anyone can read what is promised and what was published")

PROMISES = (
    Promise(
        "P1",
        "never requires you to give us any personal information to visit our Websites, or to use our software products",
        "Nothing about you is asked for",
        "There is no account, no key and no field for a person. Of what your software sends, three things are looked "
        "at: whether it asks or writes, the address of the document, and which copy of that document it already has. "
        "Everything else is never read.",
        "The handler takes the method, the path and If-None-Match out of the event and drops the rest. Whatever else "
        "differs between two requests, all that can be seen afterwards is equal, byte for byte.",
        (
            *(WHO_ASKS, THREE_INPUTS, SEEN_BY, FEW_MODULES, NO_FIELD, WHO_UPLOADS, NO_UPLOADER, EDGE),
            EVERY_FAULT_OF_PUBLISHING,
        ),
    ),
    Promise(
        "P2",
        "does not require that you accept cookies",
        "No cookies",
        "No cookie is ever set. If your software sends one, the answer is the same as without it.",
        "The headers of an answer are a closed list without Set-Cookie; the answer to a request with any cookie, query "
        "or header equals the answer to the bare request.",
        (WHO_ASKS, NO_REDIRECT, EDGE),
    ),
    Promise(
        "P3",
        "does not sell or reveal your personal information (we don't have it) to any of our partners or other third "
        "parties",
        "Nobody else is told",
        "While it answers, the service talks to its own storage and to nobody else. It sends you nowhere else, and its "
        "pages load nothing from elsewhere. Only if you choose to download does your software meet another address: "
        "the one that the publisher's document names, which your software sees first.",
        "Every connection of the answering function is recorded in the checks, and all go to its own bucket; there is "
        "no redirect among its answers; a Content-Security-Policy forbids pages to load anything; its role allows one "
        "read and its own log. The project's own client follows no redirect, asks only a server that can show that it "
        "is the right one, and tells the host of a file nothing but which file.",
        (
            *(ONE_CORRESPONDENT, FEW_LIBRARIES, ONLY_GETS, NO_REDIRECT, PAGE_ALONE, PAGE_POLICY, TEMPLATE),
            *(CLIENT_DOWNLOAD, CLIENT_TRUST, CLIENT_STAYS),
        ),
    ),
    Promise(
        "P4",
        "does not create user profiles",
        "No profiles",
        "Nothing is stored by who asks: no table, no list, no counter, no line of a log.",
        "The role of the answering function can read what is public and do nothing else; its memory, log and requests "
        "to the bucket are the same whoever asked; the template may hold no resource that could keep a profile.",
        (WHO_ASKS, WHO_ASKS_BEFORE, NO_CANARY, ONLY_GETS, FINITE_LOG, ONLY_RECORDS, TEMPLATE, OLD_VERSION_ALONE),
    ),
    Promise(
        "P5",
        "will never spam you… The only email you will receive from us is a response to a tech support call, or a copy "
        "of CometZone's opt-in newsletter. You may unsubscribe at any point.",
        "No mail",
        "The service holds nobody's address and cannot send anything. News of releases is a document that you fetch: "
        "fetching it is the subscription, and to stop is to unsubscribe.",
        "Nothing that could send mail or messages to people may stand in the template; no document and no log has a "
        "field for an address; the history of a channel is a document like any other.",
        (TEMPLATE, NO_FIELD, NO_CANARY),
    ),
    Promise(
        "P6",
        "COPPA compliant… do not accept any personal information (even for our newsletter) from children who are 13 "
        "years old, or younger",
        "Children are as unknown to it as anyone",
        "The service keeps no lasting mark of anyone: no internet address, no cookie, no number of an installation or "
        "a device. So it needs no exception for children.",
        "Markers planted in every field of a request are in no log, answer, request, file or memory afterwards, in no "
        "common spelling; logs hold none and are kept for days.",
        (NO_CANARY, WHO_ASKS, FINITE_LOG, RETENTION, QUIET, TEMPLATE),
    ),
    Promise(
        "P7",
        "Some copies of our software do have a GUID or a Download Number… We do not use these numbers to create user "
        "profiles… to track people… [or] to connect data associated with [them] with any personal information",
        "Numbers of old copies go nowhere",
        "An old copy of the software that still sends its number is answered like one that sends none. If it sends the "
        "number in the place of a name, it gets the answer that every unknown address gets: not found. The number is "
        "not read, and no part or trace of it is kept in any form.",
        "A number at the end of a path is cut off by its shape before anything else sees the path; in a query, a "
        "header, a cookie or a body it is never read. A number in the place of a product, a channel, a document or a "
        "language leads to the constant 404 and never to the bucket, because no name may have its form: a GUID "
        "anywhere in it; or, as the whole name or between its dots, seven digits or more, or dn and digits. Names of "
        "other forms are asked of the bucket, such as a shorter number, or one that a letter, a dash or an underscore "
        "joins to more text. Nothing derived from it differs afterwards, not even a length; "
        "no failure of any call can bring it to the log or to the runtime. Where there is a CDN, it keeps no address "
        "with a number in it, and no cache at all may keep one that nobody knows.",
        (
            *(WHO_ASKS, WHO_ASKS_IN_TROUBLE, EVERY_FAULT, NO_CANARY, LEGACY_PATH, LEGACY_CACHED, SEEN_BY, SILENCE),
            *(LEGACY_NAME, LEGACY_UPLOAD, LEGACY_WIRE, EDGE, LEGACY_EDGE),
        ),
    ),
    Promise(
        "P8",
        "Periodically, our software communicates with our servers to check and see if a new version is available.",
        "It is there to be asked, seldom",
        "Every answer says for how long it is good, so that your software need not ask often. It never has to say "
        "which version it runs: it compares by itself. If the storage fails, what is known is still answered. Only old "
        "copies that cannot help it may say their version in the address, where their publisher allows that: it is "
        "compared, and forgotten.",
        "Cache-Control is one of few constants; versions are no part of any address, but below /drop-in/, which is off "
        "unless a product turns it on: there they are compared with one document, reach no sink, and no cache may keep "
        "the address. A document once read is answered from memory while the bucket fails, for up to a week. The "
        "project's own client sends the same lines from every machine, whatever it saw before, at times that are drawn "
        "evenly and owe nothing to the machine.",
        (
            *(HOW_OFTEN, NOTHING_TO_SAY, FROM_MEMORY, WHO_ASKS_IN_TROUBLE, OLD_VERSION, OLD_VERSION_ALONE),
            *(OLD_VERSION_FAULT, OLD_VERSION_SEEN, OLD_VERSION_CACHED, EDGE_VERSION, NOT_BACK, CLIENT_SAME),
            *(CLIENT_VERIFIES, CLIENT_SAW, CLIENT_BARE, CLIENT_SPREAD, CLIENT_DRAWS),
        ),
    ),
    Promise(
        "P9",
        "If one is, you may be asked if you would like to upgrade.",
        "You decide",
        "The document tells your software what it needs to ask you: the version, what is new, how large it is and "
        "whether it is critical. Nothing in it can force an installation, and the service is not told what you chose.",
        "The manifest's schema has these fields, and none that installs by itself. The project's own client asks, "
        "downloads nothing before the answer, installs nothing, tells nobody what the answer was, and opens no "
        "connection once it is told never to ask again.",
        (TO_ASK, NO_FIELD, CLIENT_OFF, CLIENT_UNASKED, CLIENT_SILENT),
    ),
    Promise(
        "P10",
        "Some copies… (not those bundled with the RealPlayer)",
        "The same for copies from partners",
        "Copies that a partner bundles ask on a channel of their own, with the same promises.",
        "A channel is a name in an address; no code and no rule knows one channel from another.",
        (PARTNERS, WHO_ASKS),
    ),
    Promise(
        "P11",
        "If you would like more information on any of our other software products or Websites please click here.",
        "Open to read",
        "This page says what is promised and how it is checked. What was published, with its history and downloads, "
        "can be read by anyone at the addresses that your software asks.",
        "The page is made from the table that the checks come from, and is answered like any other document.",
        (PAGE, TO_READ, PAGE_ALONE),
    ),
)

NOT_PROVABLE = (
    (
        "Amazon Web Services, which runs the service, must handle the internet address of a request for the "
        "moment of the connection. The service asks it to log none; whether its own systems keep anything beyond "
        "that moment cannot be seen from here."
    ),
    (
        "API Gateway adds an id of its own to every answer (apigw-requestid). The service neither sees nor logs "
        "it; it cannot be switched off."
    ),
    (
        "A publisher may put Amazon's CDN, CloudFront, in place of API Gateway; by default there is none. Its edges "
        "then handle the internet address, and add ids of their own to answers. CloudFront shows the publisher reports "
        "of which addresses were asked for how often, from which countries and with which kinds of programs, which it "
        "makes from records of its own; it documents no way to switch them off."
    ),
    (
        "Whoever runs the deployment could deploy something else, or switch logging on for the whole account. "
        "`comet-updates audit` reads what is deployed and says what differs; it cannot say what was deployed "
        "yesterday."
    ),
    (
        "Names, certificates and networks: that somebody asked this service at all can be seen by whoever carries"
        " the connection."
    ),
    (
        "Timing: an answer from memory is faster than one from storage, for everyone alike. It tells whether a "
        "document was asked for shortly before, not by whom."
    ),
    ("Downloads are made from the host that the publisher names. What that host keeps is for the publisher to say."),
    (
        "The checks run the real code of the functions and the real Lambda runtime client, in front of a stand-in"
        " for S3. No check has run on AWS itself."
    ),
)
"""The limits: facts that no check in this project can prove. They are part of the report and of the page."""


def checks() -> tuple[Check, ...]:
    """Return all checks of all promises, each once, in the order of the table."""
    return tuple(dict.fromkeys(check for promise in PROMISES for check in promise.checks))
