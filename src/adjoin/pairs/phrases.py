"""Patterns of phrases that do not describe a function, for the rules in `quality`."""

import re


def _begins(*alternatives: str) -> re.Pattern[str]:
    """A pattern for the start of a summary, ignoring case and leading punctuation."""
    return re.compile(r"\W*(?:" + "|".join(alternatives) + ")", re.IGNORECASE)


INHERITED = re.compile(
    "|".join(
        (
            r"\{?@(?:inherit_?doc|override)\b.*",
            r"\(non-javadoc\).*",
            r"inherit(?:ed)? ?(?:doc|documentation)?s?\b.{0,80}|(?:documentation|docs?) inherited\b.*",
            r"overrides?\b.{0,100}",
            r"(?:[\w.]+ )?implements? (?:the )?[\w.:`\\#/]*[.:\\#A-Z][\w.:`\\#/()]*.{0,60}",
            r"(?:[\w.]+ )?(?:is )?(?:part of|required (?:by|for)|satisf(?:y|ies)|from) (?:the )?[\w.:\\*]+"
            r"(?: (?:interface|protocol|trait))?\.?",
            r"(?:interface|abstract) (?:method )?implementation.{0,60}",
            r"implementation of (?:the )?[\w.:\\#()]+(?: \w+)?\.?",
        )
    ),
    re.IGNORECASE,
)
OTHER_THING = re.compile(
    r"^\s*@(?:typedef|callback|event|module|namespace|file|fileoverview|overview|licen[cs]e|external|enum|class"
    r"|constructor|interface|mixin|apiName|apiDefine|api \{|swagger|openapi)\b",
    re.MULTILINE,
)
LICENCE = re.compile(
    r"copyright\b|licen[cs]ed? (?:under|to|for)\b|all rights reserved|spdx-|\(c\) ?\d{4}|redistribution and use"
    r"|public licen[cs]e",
    re.IGNORECASE,
)
HIDDEN = re.compile(
    r":(?:nodoc|notnew):|^\s*@!(?:method|attribute|parse|group|macro|visibility|scope)\b", re.MULTILINE
)
CALL_SEQUENCE = _begins(r":?call-seq:", r"\S+\s+(?:=>|->|→)\s+\S+")
NOTE = re.compile(
    r"\W*(?:(?i:todo|fixme|xxx|hack|bug|wip|kludge|note to self|tbd)\b|(?:NOTE|Note)\b[:!\s])"
    r"|.*\b(?:TODO|FIXME|XXX)\b"
)
DIRECTIVE = _begins(
    r"eslint|jshint|jslint|jscs:|istanbul|[cv]8 ignore|nocov|ts-(?:ignore|expect-error|nocheck)|tslint:",
    r"prettier-ignore|webpack|noinspection|nolint|rubocop:|phpcs|codingStandards|codeCoverage|phpstan|psalm",
    r"pylint|noqa|type: ignore|language=|#?(?:end)?region\b|suppress\b|pragma\b|exported |globals? |go:",
    r"spell-?check|sourcery|nosonar|checkstyle|clang-format|rustfmt|biome|deno-lint|flow\b|strict\b|closure\b",
)
DEPRECATED = _begins(
    r"(?:this \w+ (?:is|has been) |is |now |has been )?(?:deprecated|obsolete|removed)\b",
    r"(?:please )?use [\w.:#\\]+(?:\(\))? instead",
    r"[^.]{0,80}\bhas (?:now )?(?:been )?moved (?:to|into)\b",
    r"internal\b.{0,40}(?:do not|don't) use|do not use|don't use|internal, ",
)
ELSEWHERE = _begins(
    r"see\b|cf\.?\s|refer to\b|as (?:above|below|per\b)|same (?:as|thing)\b|ditto\b",
    r"(?:exactly )?(?:like|as) \W?[\w.:#]+(?:\(.{0,40}\))?\W{0,3}(?:$|,?\s?(?:but|except|only))",
    r"(?:equivalent|identical|similar|analogous|analog|counterpart) (?:to|of|with)\b",
    r"for (?:more )?(?:details|documentation|information|info|description)\b",
    r"(?:an? )?(?:alias|synonym|shorthand|shortcut|short-?cut) (?:for|of|to)\b",
    r"(?:described|documented) (?:in|at|on)\b|(?:taken|copied|adapted|borrowed|ported) from\b",
    r"based on:|based on \S*/|source:|inspired by\b|(?:\w+ ){0,3}version of [\w.#:]+(?:\(\))?\.?$",
)
_PURPOSE = r"(?:for|to|by|in|because|so|if|as|that|when)"
REMARK = _begins(
    r"(?:we|i|you|they|our|let's|please|because|cannot|can't|couldn't|otherwise|however|unlike|private!|warning)\b",
    r"(?:this |it |that |which )?(?:is |was |are )?(?:only |just )?"
    rf"(?:needed|required|necessary|meant|intended|exists?|expects?|assumes?|here) {_PURPOSE}\b",
    r"(?:this|it|that) (?:is|was) (?:here|only|just|run|called|needed|required|an? (?:hack|ugly|temporary))\b",
    r"(?:must|might|may|should|could|shouldn't|mustn't|don't|never|assume|ensure you|make sure you|remember)\b",
    r"per (?:rfc|spec)|called (?:internally|automatically)?\s?(?:by|from|internally|after|before|every)\b",
    r"if (?:[^.,]*, )we\b|if \S+ (?:[!=]=|is) \w+, (?:it|this) (?:must|may|should)\b|\S+ is referred\b",
    r".* only .{0,60}\ballowed\W*$",
    # It says only when the function is called. If a second sentence follows, that may describe it.
    r"(?:(?:this|the|it) (?:(?:method|function|hook|event|callback|handler) )?)?(?:is |gets |will be |should be )?"
    r"(?:automatically |internally )?(?:called|invoked|triggered|fired|executed|run) "
    r"(?:automatically |internally |just |right |only )?"
    r"(?:by|from|when|whenever|after|before|on|once|every|each|for (?:each|every)|during)\b[^.]*\W*$",
    r"(?:call ?back|handler|listener) (?:when|whenever)\b[^.]*\W*$"
    r"|(?:call|invoke) (?:this|it) (?:method |function )?(?:when|whenever|if|after|before|once)\b[^.]*\W*$",
    r"(?!check|return|test|determine|whether|get|is |see)[^.]{0,80}\bhas been (?:requested|received|invoked)\W*$",
    r"(?:the |this )?(?:implementation|code|logic|algorithm) (?:here )?(?:is|was|has been|comes) (?:basically"
    r"|mostly|essentially|largely|heavily|taken|copied|borrowed|adapted|based|inspired|derived|similar|the same"
    r"|from)\b",
    r"(?:this |it )?(?:follows|is based on|is from|comes from|was taken from) (?:the )?(?:https?:|spec)",
)
THING = r"(?:docs?|documentation|docstring|description|summary|comment|javadoc|phpdoc)"
PLACEHOLDER = _begins(
    r"auto-?\s?generated\b|.*\bauto-?generated (?:method|function|constructor|javadoc)\b|undocumented\b",
    r"blacklisted\b|not (?:yet )?(?:documented|implemented|used|supported|needed|available|applicable)\b",
    rf"(?:no|missing|add|insert|needs?|write|short|your|put) (?:a )?(?:short )?{THING}s?\b",
    r"unimplemented\b|[^.]{0,60}\bnot (?:yet )?implemented(?: yet)?\W*$|(?:lorem ipsum|foo bar|blah|dummy|stub)\b",
    r"this (?:method|function) (?:(?:is|was|has) (?:not|un|been auto)|(?:does|is) (?:nothing|what it|self))",
    r"(?:(?:default|empty|private|public|the|a|simple|full|copy|no[- ]arg(?:ument)?s?|hidden|protected|static|main"
    r"|basic|class) )?(?:constructor|destructor|ctor|initiali[sz]er)\b.{0,40}$",
    r"(?:\w+ )?(?:getter|setter|accessor|mutator)s?\b.{0,60}$",
    r"(?:(?:helper|utility|private|internal|public|main|auxiliary|static|convenience|wrapper|callback) ?){1,3}"
    r"(?:function|method|helper|api|use|routine|class|only)\W*(?:only)?\W*$",
    r"description (?:here|of the (?:function|method))|enter description|what is this|self[- ]explanatory",
    r"(?:do(?:es)? )?nothing\W*(?:here)?\W*$",
    r"(?:function|method|description|summary|short_?description|brief|name|type|desc)(?: \w+)?\W*$",
    r"(?:for|used (?:for|in|by)|only (?:for|used)|needed (?:for|by|in)|called (?:by|from)|exposed for|visible for)"
    r" (?:the )?(?:internal|testing|tests?|debugging|unit|backwards?|compatibility|b/?c|bc|this|internally)\b",
    r"(?:private|public|protected|internal|api|access|static|experimental|beta|alpha|unstable)\b"
    r"\W*(?:api|method|function|only|use|use only)?\W*$",
    r"default (?:function|handler) for [\w:]+\b.{0,80}$|logic (?:method|function) for \w+.{0,60}$",
    r"parameters\b.{0,40}$|(?:the )?(?:\w+ ){0,2}:$",
)
FACTS = _begins(  # authors, versions, dates and links
    r"since\b|available (?:since|from|in)\b|(?:version|ver\.|v)\s?\d|added (?:in|by|to|since)\b|authors?\b",
    r"(?:created|written|modified|contributed|changed|updated|fixed|provided|coded|developed) (?:by|on|at|in)\b",
    r"(?:new|introduced) (?:in|by)\b|(?-i:by [A-Z]\w+ [A-Z]\w+)|date\b\s?:|changelog|credits?\b|thanks\b|thx\b",
    r"https?://\S+\W*$|www\.\S+\W*$|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|last (?:modified|updated|change)",
    r"(?-i:GET|POST|PUT|DELETE|PATCH) /|rfc\s?\d+\W*(?:section)?[\d.\s]*$|issue #",
    r"(?:bug|fixes|closes|gh-|pr) ?#?\d+|§|spec(?:ification)?\s?:",
)
SECTION = re.compile(
    r"\W*[-=*#~_/+>]{3}|.*[-=*#~_/+<]{3}\W*+$|(?:[A-Z0-9]{2,}+[\W_]*+){3,}+$"
    r"|(?i:\W*(?:private|public|protected|internal|helper|utility|static|magic|overridden|override|accessor|event"
    r"|lifecycle|convenience|misc(?:ellaneous)?|common|other|various|some|implementation of|methods?|functions?"
    r"|getters?|setters?|api)(?:[ ,/&]+\w+){0,3}[ ]+(?:methods|functions|helpers|routines|utilities|accessors"
    r"|handlers|callbacks|setters|getters|api|section|properties|implementations|stuff|utils|operations|interfaces|classes)\W*$)"
)
TYPE = r"(?:void|string|int(?:eger)?|bool(?:ean)?|array|object|mixed)"
PARAMETER = _begins(
    r"(?:params?|parameters?|args?|arguments?|inputs?|outputs?|returns?|throws|exceptions?|usage|examples?|e\.g|i\.e"
    r"|syntax|signature|prototype|options?|default)\s*[:=.\-]",
    rf"(?:return|param)\s+(?:{TYPE}|null|(?-i:\\?[A-Z]\w+(?:\[\]|\|\w+)*))\s*$",
    rf"(?:returns? )?(?:{TYPE}|none|nothing|null|undefined|true|false|self|this|\$this)\b\W*$",
    rf"(?:{TYPE}|\{{[^{{}}]{{1,60}}\}}|\[[^\[\]]{{1,40}}\]|\$\w+|&?\w+) (?:\$\w+|=>|::|:=)",
    r"(?-i:Map|Record|Array|Set|Object|List)<[^<>]*>|(?:.*\b\w+_\w+ : \w){2}",
    r"\{[\w.|<>\[\]*=!?, ]{1,60}\}|\w+\s+-\s+\w+\s*$|(?!it|this|which)\w+ (?:defaults to|must be|should be)\b",
)
CODE = re.compile(
    r"(?:if|for|while|switch|elsif|foreach|else|catch)\s?\(.*"
    r"|(?:var|let|const|function|func|fn|def|public|private|protected|static|class|import|package|export|return|echo"
    r"|print|print_r|puts|console|throw|raise|await|async|self|unless|end|pub|impl|use|require|include|assert)"
    r"[\s.(][\w$\s.,:*&<>\[\]'\"]*[=({;].*"
    r"|.*[;{}]\s*$|@\w+\(|[\w$.>:-]+\s?(?:[-+*/.|&]?=|:=|=>|<<)\s?\S|[\w$.:>-]+\([^()]*\)\s*[;.{]?\s*$"
    r"|<\?php|<[a-zA-Z!/][^>]*>|\$\w+(?:->|\[|\s*=|\()|[\[{(].*[\])}]\W*$"
)
CODE_LIKE = re.compile(r"[=;{}$<>|\\\[\]]|\w\(\)|->|::|&&")
FOREIGN = re.compile(
    r"\b(?:der|die|das|und|wird|eine[rnms]?|nicht|werden|für|mit|auf|les|des|une?|pour|dans|est|avec|sur|retourne"
    r"|renvoie|cette|fonction|el|los|las|una|para|con|función|devuelve|del|por|que|il|della|funzione|restituisce|di"
    r"|gli|nel|dei|het|een|van|voor|wordt|não|uma|retorna|em|do|da|dos|função|är|och|för|att)\b",
    re.IGNORECASE,
)
STUB = re.compile(
    r"pass|\.\.\.|nil|super;?|//.*|#.*|/?\*.*|[{}();]*|end|(?:todo|unimplemented|unreachable)!\(.*"
    r"|return;?|return (?:null|none|nil|self|this|\$this|false|true|undefined|\[\]|\{\}|\"\"|'');?"
    r"|(?:raise|throw|return|panic!?|die|abort|warn|console\.\w+)\b[\s(]?.{0,20}?(?:not_?implemented|unsupported_?operation|notyet"
    r"|implement me|abstract|unimplemented|(?:must|should) be (?:implemented|overridden)).*",
    re.IGNORECASE,
)
THROWN = re.compile(r"(?:throw|raise)\b(?!.*(?:\b(?:if|unless)\b|\\$))")  # Ruby's modifiers make it a check
THROWS = _begins(r"(?:\w+ )?(?:throw|rais|signal|fail|abort|report|rethrow|reject|error)")
DEPRECATION = re.compile(r"(?=.*(?i:deprecat|wrong))[\w.:$\\]*?(?:deprecat|doing_it_wrong|warn)\w*\s?\(")
UNFINISHED = re.compile(r"\b(?:the|an|and|or|(?:of|from|by|in|to|with|for|as|is) a)$|^[^.:]{0,60}:$")
REMAINDER = re.compile(r"\s+(?://|#(?!\{)).*$")  # a comment behind a statement, no interpolation
NO_STATEMENT = re.compile(r"|[{}();]+|end|//.*|#.*|/?\*.*")
PARAMETERS = re.compile(r"\(([^()]*\w[^()]*)\)")
GIVEN_BACK = re.compile(
    r"(?:return )?(?:(?P<empty>array\(\)|\[\]|\{\}|nil|null|None|false|False|\"\"|'')|\$?(?P<name>\w+));?"
)
# "Float64 returns the number ...": a name with a capital inside it or a digit, and a verb in the third person.
OPENING_NAME = re.compile(r"((?=\w*[a-z0-9_][A-Z]|\w*\d)[A-Za-z_]\w*) (?:[a-z]+s|is|has|will|can|implements)\b")
# A name and x, with a zero between them.
ACCESSOR = re.compile(r"_?get(?![a-z])\w*\0\W*[Ss]ets?\b|_?set(?![a-z])\w*\0\W*[Gg]ets?\b")
