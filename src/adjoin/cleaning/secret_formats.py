"""Secrets that are known by their own form: tokens of well-known services, private keys, password hashes.

Each pattern has fixed strings, and runs only on texts that contain one of them, so clean text costs little.
Sources: the services' documentation of their tokens, and the patterns of detect-secrets.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from adjoin.errors import AdjoinError

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Detector:
    """Patterns of one kind of secret.

    Attributes:
        hints: fixed strings; a text without any of them has no such secret.
        patterns: what matches such a secret.
        first_group: whether the secret is a pattern's first group, if it has groups, and not the whole match.
        holds: what a secret must also fulfil; None for nothing more.
    """

    hints: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    first_group: bool = False
    holds: Callable[[str], bool] | None = None


def formatted_secrets(text: str) -> Iterator[Span]:
    """The span of each secret that is known by its form.

    Raises:
        AdjoinError: detect-secrets is not installed.
    """
    detectors = _detectors()
    # Hints are looked for in the few parts of a text that are long enough to be a secret: a fifth of the time.
    long_parts = " ".join(part for part in _LONG_PART.findall(text) if _DIGIT.search(part) or "hf_" in part)
    if long_parts and any(map(long_parts.__contains__, _hints())):
        for detector in detectors:
            if any(map(long_parts.__contains__, detector.hints)):
                yield from _detected(detector, text)
    if "PRIVATE KEY" in text or "Private-Lines" in text:
        yield from _private_keys(text)


_LONG_PART = re.compile(r"[^\s\"'`<>,;()]{20,}")
_DIGIT = re.compile(r"[0-9]")


def _detected(detector: Detector, text: str) -> Iterator[Span]:
    for pattern in detector.patterns:
        for match in pattern.finditer(text):
            begin, end = match.span(1 if detector.first_group and pattern.groups else 0)
            if text[begin:end].isalpha():  # letters only: a gene or a protein, which may contain AKIA
                continue
            if detector.holds is None or detector.holds(text[begin:end]):
                yield begin, end


def _own(pattern: str, *hints: str, holds: Callable[[str], bool] | None = None) -> Detector:
    """A detector of one pattern, whose secret is the first group if it has one."""
    compiled = re.compile(pattern)
    return Detector(hints, (compiled,), first_group=compiled.groups > 0, holds=holds)


def _is_mixed(value: str) -> bool:
    """Whether a value has digits and letters of both cases, as random letters and digits have."""
    return sum(map(str.isdigit, value)) >= 2 and any(map(str.islower, value)) and any(map(str.isupper, value))


def is_login(encoded: str) -> bool:
    """Whether a text is the base64 of "user:password"."""
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return decoded.isprintable() and ":" in decoded


_PREFIXED = (  # prefixes that nothing else has, each with the pattern of what follows
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"[A-Za-z0-9]{30,255}"),
    (("github_pat_",), r"\w{50,255}"),
    (("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "glcbt-", "glimt-", "glptt-", "glagent-", "gloas-",
      "glffct-"),
     r"[\w.-]{20,300}"),
    (("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxo-", "xoxc-", "xoxd-", "xoxe.xox", "xapp-"),
     r"[A-Za-z0-9%./+-]{20,400}"),
    (("sk_live_", "rk_live_", "sk_test_", "rk_test_"), r"[A-Za-z0-9]{16,247}"),
    (("whsec_",), r"[A-Za-z0-9+/]{24,100}={0,2}"),
    (("npm_",), r"[A-Za-z0-9]{36}"),
    (("pypi-AgE",), r"[\w-]{50,1000}"),
    (("hf_", "api_org_"), r"[A-Za-z0-9]{34}"),
    (("sk-ant-", "sk-proj-", "sk-or-v1-", "sk-svcacct-", "sk-admin-", "sk-lf-"), r"[\w-]{24,300}"),
    (("r8_",), r"[A-Za-z0-9]{37,40}"),
    (("gsk_",), r"[A-Za-z0-9]{40,60}"),
    (("xai-",), r"[A-Za-z0-9]{60,100}"),
    (("pplx-",), r"[A-Za-z0-9]{40,60}"),
    (("nvapi-",), r"[\w-]{50,100}"),
    (("tgp_v1_", "jina_", "fc-", "tvly-dev-", "tvly-prod-", "pcsk_", "e2b_", "csk-"), r"[A-Za-z0-9_-]{32,120}"),
    (("lsv2_pt_", "lsv2_sk_"), r"[0-9a-f]{32}_[0-9a-f]{10}"),
    (("GOCSPX-",), r"[\w-]{20,40}"),
    (("ya29.",), r"[\w-]{20,2000}"),
    (("dop_v1_", "doo_v1_", "dor_v1_", "dot_v1_"), r"[0-9a-f]{40,64}"),
    (("HRKU-",), r"[\w-]{30,100}"),
    (("NRAK-", "NRAL-", "NRAA-", "NRII-", "NRIQ-", "NRJS-"), r"[\w-]{15,50}"),
    (("sntrys_", "sntryu_"), r"[\w+/=-]{40,400}"),
    (("shpat_", "shpca_", "shppa_", "shpss_", "shpua_"), r"[0-9a-fA-F]{32}"),
    (("sq0atp-", "sq0csp-", "sq0idp-"), r"[\w-]{22,43}"),
    (("EAAA",), r"[\w-]{60}(?![\w+/=-])"),
    (("EAACEdEose0cBA",), r"[0-9A-Za-z]{10,300}"),
    (("lin_api_", "lin_oauth_"), r"[A-Za-z0-9]{32,64}"),
    (("ntn_",), r"[A-Za-z0-9]{40,60}"),
    (("ATATT3", "ATCTT3", "ATBB"), r"[\w=-]{24,400}"),
    (("dapi",), r"[0-9a-f]{32}(?:-\d)?"),
    (("hvs.", "hvb.", "hvr."), r"[\w-]{24,300}"),
    (("dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."), r"[\w.-]{40,100}"),
    (("pul-",), r"[0-9a-f]{40}"),
    (("PMAK-",), r"[0-9a-f]{24}-[0-9a-f]{34}"),
    (("figd_", "figo_"), r"[\w-]{38,60}"),
    (("rubygems_",), r"[0-9a-f]{48}"),
    (("CLOJARS_",), r"[0-9a-f]{60}"),
    (("oy2",), r"[a-z0-9]{43}"),
    (("dckr_pat_", "dckr_oat_"), r"[\w-]{24,40}"),
    (("glc_", "glsa_"), r"[\w+/=]{32,400}"),
    (("sbp_", "sb_secret_", "sb_publishable_"), r"[\w-]{30,60}"),
    (("pscale_tkn_", "pscale_pw_", "pscale_oauth_"), r"[\w.-]{32,64}"),
    (("pnu_", "pnb_", "nfp_", "rnd_", "PSTMN_", "vercel_blob_rw_"), r"[A-Za-z0-9]{28,60}"),
    (("fm1_", "fm2_", "fm1r_", "fo1_"), r"[\w+/=-]{40,600}"),
    (("CFPAT-",), r"[\w-]{40,45}"),
    (("LTAI", "AKID"), r"[A-Za-z0-9]{16,36}(?![\w+/=])"),
    (("EZAK", "EZTK"), r"[A-Za-z0-9]{54}"),
    (("FLWSECK_TEST-", "FLWSECK-"), r"[0-9a-zA-Z]{12,40}(?:-X)?"),
    (("rzp_live_", "rzp_test_"), r"[A-Za-z0-9]{14,24}"),
    (("xkeysib-", "xsmtpsib-"), r"[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    (("shippo_live_", "shippo_test_"), r"[0-9a-f]{40}"),
    (("tfp_",), r"[\w.-]{40,64}"),
    (("sgp_", "slk_"), r"[0-9a-f_]{40,64}"),
    (("bkua_", "bkct_"), r"[\w]{40,64}"),
    (("CCIPAT_", "CCIPRJ_"), r"[A-Za-z0-9]{20,25}_[0-9a-f]{40}"),
    (("fio-u-",), r"[\w=-]{64}"),
    (("duffel_test_", "duffel_live_"), r"[\w=-]{43}"),
    (("dt0c01.", "dt0s01.", "dt0s16."), r"[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    (("sha256~",), r"[\w-]{43}"),
    (("rdme_",), r"[a-z0-9]{70}"),
    (("tskey-auth-", "tskey-api-", "tskey-client-", "tskey-scim-", "tskey-webhook-"), r"[A-Za-z0-9-]{20,80}"),
    (("phc_", "phx_"), r"[A-Za-z0-9]{40,50}"),
    (("lip_", "ops_eyJ", "patU", "secret_"), r"[A-Za-z0-9]{43,3000}(?![\w])"),
    (("AGE-SECRET-KEY-1", "AGE-PLUGIN-"), r"[A-Z0-9-]{40,400}"),
    (("ABSK", "bedrock-api-key-"), r"[A-Za-z0-9+/=]{90,300}"),
)  # fmt: skip

_OTHERS = (
    # The secret beside the name of an AWS key.
    _own(r"(?:AKIA|ASIA)[A-Z0-9]{16}[^A-Za-z0-9\n]{1,12}([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])", "AKIA", "ASIA"),
    # JSON web tokens: three parts, the first a JSON object. detect-secrets' own pattern misses the signature.
    _own(r"eyJ[\w-]{10,}={0,2}\.eyJ[\w-]{8,}={0,2}(?:\.[\w-]*={0,2})?", "eyJ"),
    _own(r"(?<![\w-])eyJ[\w-]{16,}={0,2}(?:\.[\w-]*){4}(?![\w-])", "eyJ"),  # an encrypted one
    _own(r"\bAIza[\w-]{35}(?![\w-])", "AIza"),
    _own(r"\b1//0[\w-]{40,200}(?![\w/+])", "1//0"),
    _own(r"\bsk-[A-Za-z0-9]{32,64}(?![\w-])", "sk-", holds=_is_mixed),
    _own(r"\bSG\.[\w-]{16,32}\.[\w-]{16,64}(?![\w.(])", "SG."),
    _own(r"\b(?:SK|AC)[0-9a-f]{32}\b", "SK", "AC"),  # Twilio
    _own(r"\bkey-[0-9a-f]{32}\b", "key-"),  # Mailgun
    _own(r"\b[0-9a-f]{32}-us[0-9]{1,2}\b", "-us"),  # Mailchimp
    _own(r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b", "pat"),  # Airtable
    _own(r"\b[0-9]/[0-9]{13,17}(?:/[0-9]{13,17})?:[0-9a-f]{32}\b", "1/", "2/", "0/"),  # Asana
    _own(r"\bsl\.(?:u\.)?[\w-]{60,2000}", "sl."),  # Dropbox
    _own(r"\b[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,80}", ".atlasv1."),  # Terraform
    _own(r"\bv1\.0-[0-9a-f]{24}-[0-9a-f]{100,200}", "v1.0-"),  # Cloudflare
    _own(r"(?<![\w~.-])[\w~.-]{3}[0-9]Q~[\w~.-]{31,34}(?![\w~])", "Q~"),  # Azure's client secrets
    _own(r"(?i)\b(?:AccountKey|SharedAccessKey|SharedSecret)=[A-Za-z0-9+/%]{32,200}={0,2}",
         "AccountKey=", "SharedAccessKey=", "accountkey=", "sharedaccesskey=", "SharedSecret="),
    _own(r"[?&;]sig=([A-Za-z0-9%+/_-]{30,200}={0,2})", "sig="),  # Azure's shared access signatures
    _own(r"[?&](?:X-Amz-Signature|X-Goog-Signature|Signature)=([A-Za-z0-9%+/_~-]{24,600}={0,2})", "ignature="),
    _own(r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}", "access_token$"),  # Braintree
    _own(r"\bEAA[A-Za-z0-9]{90,300}(?![\w+/=])", "EAA", holds=_is_mixed),  # Facebook
    _own(r"(?<![\w:/.-])[0-9]{8,10}:[\w-]{35}(?![\w-])", ":", holds=_is_mixed),  # Telegram
    _own(r"\bbot([0-9]{8,10}:[\w-]{35})(?![\w-])", "bot", holds=_is_mixed),
    _own(r"(?<![\w.-])[A-Z][\w-]{22,27}\.[\w-]{6,7}\.[\w-]{27,45}(?![\w.(-])", ".", holds=lambda token:
         all(_is_mixed(part) for part in token.split(".")[::2])),  # Discord
    _own(r"\bmfa\.[\w-]{80,100}", "mfa."),
    _own(r"discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/([0-9]{15,22}/[\w-]{30,100})", "/webhooks/"),
    _own(r"hooks\.slack\.com/(?:services|workflows|triggers)/([\w/]{20,100})", "hooks.slack.com"),
    _own(r"\.webhook\.office\.com/webhookb2/([\w@/-]{60,300})", "webhook.office.com"),
    _own(r"\bhooks\.zapier\.com/hooks/catch/([0-9]+/[a-z0-9]{5,20})", "hooks.zapier.com"),
    _own(r"\baccess-(?:sandbox|development|production)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-"
         r"[0-9a-f]{12})", "access-"),
    _own(r"\b(?:sdk|mob|api)-([0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\b",
         "sdk-", "mob-", "api-"),  # LaunchDarkly
    _own(r"\b[sp]k\.eyJ[\w-]{60,200}\.[\w-]{20,40}", "k.eyJ"),  # Mapbox
    _own(r"\bA3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}\b", "A3-"),  # 1Password
    _own(r"\bp8e-[A-Za-z0-9]{32}\b", "p8e-"),
    _own(r"https?://([0-9a-f]{32}(?::[0-9a-f]{32})?)@[\w.-]+/[0-9]", "://"),  # Sentry's addresses
    _own(r"(?i)\botpauth://[^\s\"'<>]*?[?&]secret=([A-Z2-7]{8,128}=*)", "otpauth://", "OTPAUTH://"),
    # Hashes of passwords, as in /etc/shadow, .htpasswd, LDAP, Django and Werkzeug.
    _own(r"\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{53}", "$2"),
    _own(r"\$(?:1|5|6|7|y|gy|apr1|md5|sha1)\$(?:rounds=[0-9]+\$)?(?:[./A-Za-z0-9$]{1,100}\$)?"
         r"[./A-Za-z0-9]{22,100}",
         "$1$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$apr1$", "$md5$", "$sha1$"),
    _own(r"\$(?:argon2(?:id?|d)|scrypt|pbkdf2[\w-]*)\$[\w=,$.+/-]{1,100}\$[A-Za-z0-9+/.]{10,200}",
         "$argon2", "$scrypt$", "$pbkdf2"),
    _own(r"\{(?:SSHA|SHA|SMD5|MD5|SSHA256|SSHA512|CRYPT)\}([A-Za-z0-9+/]{20,200}={0,2})", "SHA", "MD5}", "CRYPT}"),
    _own(r"\b(?:pbkdf2_sha(?:1|256|512)|argon2|bcrypt_sha256|scrypt)\$+[\w=,$.+/-]{1,100}\$"
         r"[A-Za-z0-9+/=.]{20,200}",
         "pbkdf2_sha", "argon2$", "bcrypt_sha256$", "scrypt$"),
    _own(r"\b(?:pbkdf2:sha(?:1|256|512):[0-9]+|scrypt:[0-9]+:[0-9]+:[0-9]+)\$\w{1,40}\$([0-9a-f]{40,128})",
         "pbkdf2:sha", "scrypt:"),
    _own(r"(?<![\w/+])(?:[0-9a-fA-F]{32}|aad3b435b51404eeaad3b435b51404ee):"
         r"([0-9a-fA-F]{32}):::", ":::"),  # pwdump
)  # fmt: skip


@cache
def _detectors() -> tuple[Detector, ...]:
    """All detectors: of detect-secrets those whose secrets contain a fixed string, and our own.

    Those of detect-secrets without a fixed string are left out, since they take checksums for secrets.
    """
    try:
        from detect_secrets.plugins import aws, gitlab_token, npm, openai, pypi_token, slack, stripe
    except ImportError:
        raise AdjoinError(
            "masking secrets needs detect-secrets, which is not installed: pip install adjoin"
        ) from None
    plugins = (
        (("AKIA", "ASIA", "ABIA", "ACCA", "A3T"), aws.AWSKeyDetector),
        (("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "GR1348941", "glcbt-", "glimt-", "glptt-", "glagent-",
          "gloas-"), gitlab_token.GitLabTokenDetector),
        ((":_authToken=",), npm.NpmDetector),
        (("T3BlbkFJ",), openai.OpenAIDetector),
        (("pypi-AgE",), pypi_token.PypiTokenDetector),
        (("xox", "hooks.slack.com"), slack.SlackDetector),
        (("k_live_",), stripe.StripeDetector),
    )  # fmt: skip
    in_group = {aws.AWSKeyDetector, npm.NpmDetector}
    prefixed = (
        Detector(hints, (re.compile(rf"(?<![A-Za-z0-9_])(?:{'|'.join(map(re.escape, hints))}){rest}"),))
        for hints, rest in _PREFIXED
    )
    theirs = (Detector(hints, tuple(plugin.denylist), plugin in in_group) for hints, plugin in plugins)
    return (*theirs, *prefixed, *_OTHERS)


@cache
def _hints() -> tuple[str, ...]:
    return tuple(dict.fromkeys(hint for detector in _detectors() for hint in detector.hints))


_PRIVATE_KEY = re.compile(
    r"(?P<begin>-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}"
    r"|Private-Lines: ?[0-9]{1,3})(?P<body>.*?)"
    r"(?:-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}|Private-MAC: ?(?P<mac>[0-9a-f]{40,64})|\Z)",
    re.DOTALL,
)
_KEY_PIECE = re.compile(
    r"(?:(?<=\\n)|(?<=\\r)|(?<![A-Za-z0-9+/=\\])|(?<=\\\\)(?!n))[A-Za-z0-9+/=]{20,}"
    r"|(?:(?<=[\s\"'])|(?<=\\n))[A-Za-z0-9+/=]{4,}(?=(?:[\s\"'\\]|\\n)*(?:-----END|---- END|Private-MAC))"
    r"|(?<=\n)=[A-Za-z0-9+/]{4}(?=\s)"
)


def _private_keys(text: str) -> Iterator[Span]:
    """The spans of a key's lines, without the line ends, quotes and comment marks around them."""
    for key in _PRIVATE_KEY.finditer(text):
        begin, end = key.span("body")
        for piece in _KEY_PIECE.finditer(text, begin, key.end()):
            if piece.start() < end and not piece[0].isalpha():  # letters only: a name in code that reads a key
                yield piece.span()
        if key["mac"]:
            yield key.span("mac")
