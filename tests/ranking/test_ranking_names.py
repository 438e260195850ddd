"""Names in code meet the words of a question."""

from adjoin.ranking.names import joined, name_parts, name_stems


def test_parts_of_a_name_in_any_convention() -> None:
    assert name_parts("parseHTTPResponse2") == ("parse", "http", "response", "2")
    assert name_parts("parse_http-response.2") == ("parse", "http", "response", "2")


def test_spellings_of_one_name_have_one_key() -> None:
    assert joined("retryUpload") == joined("retry_upload") == joined("RetryUpload") == "retryupload"


def test_stems_leave_stop_words_and_repetitions_out() -> None:
    assert name_stems("isParsingTheParsers") == ("pars", "parser")
