"""What Gerrit knows in a project.config: sections, keys and the kinds of their values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Kinds of values. Of those in MANY a key may have several.
TEXT, FLAG, INHERITED, NUMBER, SIZE, RULE, REGEX = "text", "flag", "inherited", "number", "size", "rule", "regex"
REQUIREMENT, COPY = "requirement", "copy"
TEXTS, RULES, REGEXES, VALUES = "texts", "rules", "regexes", "values"
MANY = frozenset({TEXTS, RULES, REGEXES, VALUES})

STATES = ("active", "read only", "hidden")
ACTIONS = (
    "inherit",
    "fast forward only",
    "merge if necessary",
    "merge always",
    "rebase if necessary",
    "rebase always",
    "cherry pick",
)
FUNCTIONS = ("NoBlock", "NoOp", "PatchSetLock")
OLD_FUNCTIONS = ("MaxWithBlock", "AnyWithBlock", "MaxNoBlock")

PERMISSIONS = frozenset(
    """abandon addPatchSet create createSignedTag createTag delete deleteChanges deleteOwnChanges editAssignee
    editHashtags editTopicName forgeAuthor forgeCommitter forgeServerAsCommitter owner push pushMerge pushSignedTag
    pushTag read rebase removeReviewer revert submit submitAs toggleWipState viewPrivateChanges""".split()  # noqa: SIM905
)
LABEL_PERMISSIONS = ("label-", "labelAs-", "removeLabel-")
CAPABILITIES = frozenset(
    """accessDatabase administrateServer batchChangesLimit createAccount createGroup createProject deleteGroup
    emailReviewers flushCaches killTask maintainServer modifyAccount priority queryLimit readAs runAs runGC streamEvents
    viewAccess viewAllAccounts viewCaches viewConnections viewPlugins viewQueue viewSecondaryEmails""".split()  # noqa: SIM905
)
RANGED_CAPABILITIES = frozenset({"querylimit", "batchchangeslimit"})

#: The project that all others inherit from in the end.
ROOT = "All-Projects"

#: Labels that Gerrit has, or that the projects of a server usually inherit from All-Projects.
COMMON_LABELS = frozenset({"Code-Review", "Verified", "Workflow"})

#: Keys of a label that Gerrit refuses to take, since 3.7, and what its copyCondition says instead.
OLD_LABEL_KEYS = {
    "copyAnyScore": "is:ANY",
    "copyMinScore": "is:MIN",
    "copyMaxScore": "is:MAX",
    "copyAllScoresIfNoChange": "changekind:NO_CHANGE",
    "copyAllScoresIfNoCodeChange": "changekind:NO_CODE_CHANGE",
    "copyAllScoresOnMergeFirstParentUpdate": "changekind:MERGE_FIRST_PARENT_UPDATE",
    "copyAllScoresOnTrivialRebase": "changekind:TRIVIAL_REBASE",
    "copyAllScoresIfListOfFilesDidNotChange": "has:unchanged-files",
}

#: Groups that every Gerrit has.
COMMON_GROUPS = frozenset(
    {
        "Administrators",
        "Anonymous Users",
        "Change Owner",
        "Non-Interactive Users",
        "Project Owners",
        "Registered Users",
        "Service Users",
    }
)


@dataclass(frozen=True)
class Known:
    """A section: its keys with their kinds or choices; whether it must, may (None) or must not have a subsection."""

    keys: Mapping[str, str | tuple[str, ...]]
    subsection: bool | None = False
    required: frozenset[str] = frozenset()
    #: Whether Gerrit refuses keys that it does not know.
    strict: bool = False
    #: Whether the order of the keys means something, or may mean something.
    ordered: bool = False
    lower: Mapping[str, str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Make names findable as git compares them."""
        object.__setattr__(self, "lower", {key.lower(): key for key in self.keys})


SECTIONS: Mapping[str, Known] = {
    "access": Known({"inheritFrom": TEXT}, subsection=None),
    "accounts": Known({"sameGroupVisibility": RULES}),
    "allowSuperproject": Known({"matching": TEXTS, "all": TEXTS}, subsection=True),
    "branchOrder": Known({"branch": TEXTS}, ordered=True),
    "capability": Known(dict.fromkeys(CAPABILITIES, RULES)),
    "change": Known({"privateByDefault": INHERITED, "workInProgressByDefault": INHERITED}),
    "commentlink": Known(
        {"match": REGEX, "link": TEXT, "html": TEXT, "prefix": TEXT, "suffix": TEXT, "text": TEXT, "enabled": FLAG},
        subsection=True,
    ),
    "contributor-agreement": Known(
        {
            "description": TEXT,
            "accepted": RULES,
            "autoVerify": RULE,
            "agreementUrl": TEXT,
            "matchProjects": REGEXES,
            "excludeProjects": REGEXES,
        },
        subsection=True,
    ),
    "dashboard": Known({"default": TEXT, "local-default": TEXT}),
    "extension-panels": Known({"panel": TEXTS}, subsection=True, ordered=True),
    "label": Known(
        {
            "abbreviation": TEXT,
            "allowPostSubmit": FLAG,
            "branch": TEXTS,
            "canOverride": FLAG,
            "copyCondition": COPY,
            "copyValue": TEXTS,
            "defaultValue": NUMBER,
            "description": TEXT,
            "function": FUNCTIONS + OLD_FUNCTIONS,
            "ignoreSelfApproval": FLAG,
            "value": VALUES,
            **dict.fromkeys(OLD_LABEL_KEYS, FLAG),
        },
        subsection=True,
    ),
    "mimetype": Known({"path": TEXTS}, subsection=True),
    "notify": Known({"email": TEXTS, "filter": TEXT, "header": ("to", "cc", "bcc"), "type": TEXTS}, subsection=True),
    "plugin": Known({}, subsection=True, ordered=True),
    "project": Known({"description": TEXT, "state": STATES}),
    "receive": Known(
        {
            "checkReceivedObjects": FLAG,
            "createNewChangeForAllNotInTarget": INHERITED,
            "enableSignedPush": INHERITED,
            "maxObjectSizeLimit": SIZE,
            "rejectImplicitMerges": INHERITED,
            "requireChangeId": INHERITED,
            "requireContributorAgreement": INHERITED,
            "requireSignedOffBy": INHERITED,
            "requireSignedPush": INHERITED,
        }
    ),
    "reviewer": Known({"enableByEmail": INHERITED, "skipAddingAuthorAndCommitterAsReviewers": INHERITED}),
    "submit": Known(
        {
            "action": ACTIONS,
            "matchAuthorToCommitterDate": INHERITED,
            "mergeContent": INHERITED,
            "rejectEmptyCommit": INHERITED,
        }
    ),
    "submit-requirement": Known(
        {
            "applicableIf": REQUIREMENT,
            "canOverrideInChildProjects": FLAG,
            "description": TEXT,
            "overrideIf": REQUIREMENT,
            "submittableIf": REQUIREMENT,
        },
        subsection=True,
        required=frozenset({"submittableIf"}),
        strict=True,
    ),
}
LOWER_SECTIONS = {name.lower(): name for name in SECTIONS}


def section(name: str) -> Known | None:
    """Return what is known about a section, named as git compares names."""
    return SECTIONS.get(LOWER_SECTIONS.get(name.lower(), ""))
