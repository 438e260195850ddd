"""Repositories that evaluation data comes from, recognised by a pair's own repository or by its origin.

A pair comes from OWNER/NAME if
1. its `repository` says so, or its origin contains a forge's path: github.com/OWNER/NAME/...; or
2. its origin contains a package with the repository's name, and y is in a language of that repository. Packages
   are the first folder or archive, any archive or folder with a version (pylint-2.0.whl,
   ruby-net-ssh_7.1.0-1_all.deb), and anything in a package folder (site-packages/pylint).

Names are compared without case, "-", "_" and ".", and without what packagers add (python3-, -dev, -java). Rule 2
needs a distinctive name: four letters or more, not made of words in `ORDINARY`. A package with another name is
found by its code only.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

# Words that name many things. A repository with such a name is recognised by rule 1 only.
ORDINARY = frozenset(
    """
    account acid acme actions adapter address agent amber analytics anchor android apex application aqua arch
    archive army assets atom attach auth auto away axis backend backup balance bank bark barrier base bash basic
    batch beam bean bear bell bench bend bike binary bird bite blaze blink block blog blue board bolt bond bone
    book boon boot bootstrap boss bottle brain brick bridge browser brush bucket buffalo buffer build builder
    bulk bull bundle burn button byte cabin cable cache cake calendar call camera camp canvas capture card care
    cart case cash cast catalog category cell chain channel charm chart chat check chef chip cite city class clay
    clean click client clip clock cloud cluster coal coat code coffee coin cold collection color comb command
    comment common community compass compiler component compress config connect console consular container
    content context control convert cook cookie cool copy cord core cost counter crab craft crane crawler cron
    crop cross crow crypto cube curl cute dark dart dash dashboard data database date deal debug deck deep
    default demo deploy design desk desktop develop device dial dice diff digest ding direct dirt discover disk
    display dive docker document doll domain door dove down download draw driver drop drum duck dust dynamic
    earth east easy echo eclipse edge editor element email embed engine entity event example exchange exit exodus
    export express extension face fact fail fall farm fast fear feature feed fetch field file filter find fire
    fish five fixture flag flame flask flat fleet flor flow foam fold folder font food fork form format fort
    forum four framework free frog front fuel full function fund fuse future gallery game gate gateway gear gears
    generate generator ghost gift github gitlab glass global glue goat gold good google grab grammar grape graph
    gray green grep grid grip group grow guard guide gulp hack hammer hand handler harbor hash hawk header health
    heap heart hello help helper hero hide high history hive hollow home hook hope horn host hugo hunter icons
    idea image import index input install instance integer interface internal ionic item iterator jade janus java
    jazz join journal json jump juno just keep kernel keyboard kite kiwi knot label lambda lamp land lane
    language lark launch layout lazy leaf less library life lift light lime line linear link linker linux lion
    list live load loader local location lock logger logging login long look loop love luna lynx macro mage magic
    mail main maintenance make manage manager mark marker market mars mash mask master match math maze media
    memory menu mercury mesh message meta metal metric metrics metro mind mint mirror mist mixer mobile mock mode
    model module monitor mono moon moss move moxie muse music name native navi negotiator neon nest network news
    next node notes notify nova number oak oauth object office online open opera option options orange order
    output pack package packet page painter pair palette palm panel papi parallel parameters park parser part
    partial pass passport password past path pattern payment peak pear phoenix phone photo pilot pine ping pink
    pipe pipeline pixel plan planet platform play player plot plugin plus point pole policy poll pond pony pool
    port portal post prime print printer process product profile program project promise proxy public pulse pump
    pure push python query queue quick quill rack raft rail rails rain rake ramp random range rank react reader
    record redirect reflection region register registry relay release remote render report repository request
    requests resource response rest result rice ring risky road rock role roll roof room root rose router ruby
    rule runner rush rust safe sage sail salt sample sand save scan scanner schedule scheduler schema scope
    scraper screen script scripto seal search secret security seed select send sender sentence server service
    session settings shadow share shark shell shield ship shop show signal simple sink site sitemap size sketch
    skip slider slim slot slug smart smoke snap snoo snow soap social socket soda soil solution song sonos soup
    source spark spider spin spinner spot sprite stack standard star static status stem step stone storage store
    storm stream strider string style sugar sumo surf swift switch symbol sync system table tail take tank tape
    target task team template tensor term terminal test testing text theme thor thread tide tile time timer tiny
    toast token tone tool toolbox tools topic torch tour tracer track tracker traffic trail transfer translate
    travel tree trigger trim true tube tune tunnel turn twig twitter type unicorn unit update upload user util
    utils validator vault vector version video view viewer vine viper vision visual void volt wait wall wallet
    warp watch wave weather web webapp website west wheel widget wiki wild will wind window wine wing wire wise
    wizard wolf wood word work worker workflow wrap wrapper writer yaml yard yarn zero zipping zone zoom
    """.split()  # noqa: SIM905 - a list literal of these would take one line per word
)
_FORGE = re.compile(r"(?:github|gitlab|bitbucket)\.(?:com|org)[/:]([\w.!-]+)/([\w.!-]+)")
_ARCHIVE = re.compile(r"(?:\.orig)?\.(?:tar(?:\.\w+)?|tgz|tbz2|txz|whl|deb|zip|gem|jar|egg|crate|nupkg|apk|rpm)$")
_VERSION = re.compile(r"[-_@]v?\d+(?:[.:~+_-].*)?$|[-_@]v?\d+$")
_PACKAGERS = re.compile(
    r"^(?:python3?-|ruby-|php-|node-|golang-|rust-|librust-|r-cran-|lib(?=.*-java$))|-(?:dev|java|doc|src)$"
)
_PACKAGE_FOLDERS = frozenset(
    ("site-packages", "dist-packages", "node_modules", "vendor", "third_party", "gems", "vendor_ruby")
)
_LEAST_LETTERS = 4


def _normalized(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


class EvaluationRepositories:
    """The repositories that the functions of evaluation sets come from.

    Attributes:
        names: "owner/name" in lower case → languages of the functions from it.
    """

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self.names: dict[str, list[str]] = {}
        for name, languages in names.items():
            self.names[name.lower()] = sorted({*self.names.get(name.lower(), ()), *languages})
        self._packages: dict[str, set[str]] = {}
        for name in names:
            owner, _, own = name.partition("/")
            for package in (own if is_distinctive(own) else "", f"github-{owner}-{own}"):
                if package:
                    self._packages.setdefault(_normalized(package), set()).update(self.names[name.lower()])
        self._of_folder = lru_cache(1 << 12)(self._look_up)

    def contains(self, repository: str, origin: str, language: str) -> bool:
        """Return whether a pair comes from one of these repositories.

        Args:
            repository: the pair's repository: "owner/name", an address, or empty.
            origin: the pair's origin.
            language: the language of y.
        """
        if not self.names:
            return False
        if repository and self._is_named(repository):
            return True
        folder = origin.rpartition("/")[0] or origin.rpartition(":")[0]
        on_forge, languages = self._of_folder(folder)
        return on_forge or language in languages

    def _is_named(self, repository: str) -> bool:
        address = re.sub(r"^\w+://|\.git/?$|/$", "", repository.lower())
        if match := _FORGE.search(address):
            address = "/".join(match.groups())
        return address in self.names

    def _look_up(self, folder: str) -> tuple[bool, frozenset[str]]:
        """Whether a folder matches rule 1, and the languages for which it matches rule 2."""
        for owner, name in _FORGE.findall(folder.lower()):
            plain = f"{owner}/{re.sub(r'@.*|[.]git$', '', name)}".replace("!", "")
            if plain in self.names:
                return True, frozenset()
        languages: set[str] = set()
        for package in packages_of(folder):
            languages |= self._packages.get(package, set())
        return False, frozenset(languages)


def is_distinctive(name: str) -> bool:
    """Return whether a package with this name is certainly the repository of this name."""
    words = [word.lower() for word in re.split(r"[-_.]", name) if word]
    return len(_normalized(name)) >= _LEAST_LETTERS and not all(word in ORDINARY for word in words)


def packages_of(origin: str) -> set[str]:
    """Return the package names in an origin, without case, punctuation, versions and packagers' affixes.

    Each package gives its name with and without what packagers add.
    """
    packages: set[str] = set()
    is_package = True  # the first part is one; so is what follows an archive or a package folder
    for part in re.split(r"[/!]", origin):
        name = _ARCHIVE.sub("", part.lower())
        is_archive = name != part.lower()
        if is_archive and part.lower().endswith("deb"):
            name = name.partition("_")[0]
        bare = _VERSION.sub("", name)
        if part and (is_package or is_archive or bare != name):
            shorter = _PACKAGERS.sub("", _PACKAGERS.sub("", bare))
            packages |= {_normalized(bare), _normalized(shorter)}
        is_package = is_archive or part in _PACKAGE_FOLDERS
    return packages
