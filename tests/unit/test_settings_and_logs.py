"""The environment, and what never reaches a log."""

import json
import logging
from pathlib import Path

import pytest
import structlog

from echodesk_billing import InvalidSettings, Party, Settings, load_settings
from echodesk_billing.adapters.bog.signature import BANK_PUBLIC_KEY, TEST_PUBLIC_KEY, load_keys
from echodesk_billing.logs import HIDDEN, configure_logs, redact
from echodesk_billing.settings import hide_password

PRODUCTION = {
    "BOG_CLIENT_ID": "10001",
    "BOG_CLIENT_SECRET": "s3cret",
    "API_DOMAIN": "api.echodesk.ge",
    "FRONTEND_URL": "https://{tenant}.echodesk.ge",
}


def test_without_any_setting_it_starts_on_this_machine() -> None:
    settings = load_settings({})
    assert settings.callback_url == "http://127.0.0.1:8080/api/payments/webhook/"
    assert settings.database_url == "sqlite:///var/billing.sqlite3"


def test_plain_http_is_for_this_machine_and_its_names() -> None:
    for host in ("localhost:8080", "acme.crm.localhost", "127.0.0.1"):
        assert load_settings({"API_DOMAIN": f"http://{host}"}).api_domain == f"http://{host}"
    for host in ("notlocalhost", "localhost.example", "127.0.0.1.example"):
        with pytest.raises(InvalidSettings, match="plain http"):
            load_settings({"API_DOMAIN": f"http://{host}"})


def test_a_simulated_bank_in_a_container_beside_is_reached_by_plain_http() -> None:
    beside = {
        "BOG_AUTH_URL": "http://bank:8081/token",
        "BOG_API_BASE_URL": "http://bank:8081/payments/v1",
        "BILLING_CLOCK_URL": "http://bank:8081/sandbox/clock",
        "API_DOMAIN": "http://service:8080",
    }
    assert load_settings(beside).api_domain == "http://service:8080"
    for name in ("BOG_AUTH_URL", "BOG_API_BASE_URL", "BILLING_CLOCK_URL", "API_DOMAIN"):
        with pytest.raises(InvalidSettings):
            load_settings({**beside, name: "http://bank.example/x"})


def test_https_is_added_to_the_public_address() -> None:
    assert load_settings(PRODUCTION).callback_url == "https://api.echodesk.ge/api/payments/webhook/"


def test_the_callback_key_may_be_pem_text_one_line_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "bank.pem"
    file.write_text(BANK_PUBLIC_KEY * 2)
    for value, keys in ((BANK_PUBLIC_KEY, 1), (BANK_PUBLIC_KEY.replace("\n", "\\n"), 1), (str(file), 2)):
        assert len(load_settings({"BOG_CALLBACK_PUBLIC_KEY": value}).callback_keys()) == keys


@pytest.mark.parametrize(
    ("address", "is_test"),
    [
        ("https://api-sandbox.bog.ge/payments/v1", True),
        ("https://api.sandbox.bog.ge/payments/v1", True),
        ("https://api.bog.ge/payments/v1", False),
        ("https://api-sandbox.bog.ge.evil.example/payments/v1", False),
        ("https://evil.example/api-sandbox.bog.ge", False),
        ("http://127.0.0.1:9000/payments/v1", False),
    ],
)
def test_the_test_environments_key_is_valid_only_at_its_own_urls(address: str, *, is_test: bool) -> None:
    settings = load_settings({**PRODUCTION, "BOG_API_BASE_URL": address})
    built_in = load_keys(TEST_PUBLIC_KEY if is_test else BANK_PUBLIC_KEY)
    assert [key.public_numbers() for key in settings.callback_keys()] == [key.public_numbers() for key in built_in]
    chosen = load_settings({**PRODUCTION, "BOG_API_BASE_URL": address, "BOG_CALLBACK_PUBLIC_KEY": BANK_PUBLIC_KEY})
    assert len(chosen.callback_keys()) == 1


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"BILLING_PORT": "http"}, "BILLING_PORT is 'http': expected `int`"),
        ({"BILLING_PORT": "99999"}, "BILLING_PORT is '99999': expected `int` <= 65535"),
        ({"BILLING_LOG_FORMAT": "xml"}, "BILLING_LOG_FORMAT is 'xml'"),
        ({"BOG_CLIENT_ID": "1"}, "BOG_CLIENT_SECRET is missing"),
        ({"BOG_CLIENT_SECRET": "1"}, "BOG_CLIENT_ID is missing"),
        ({**PRODUCTION, "API_DOMAIN": ""}, "API_DOMAIN is missing"),
        ({**PRODUCTION, "FRONTEND_URL": ""}, "FRONTEND_URL is missing"),
        ({"API_DOMAIN": "http://api.echodesk.ge"}, "API_DOMAIN is 'http://api.echodesk.ge': plain http"),
        ({"BOG_API_BASE_URL": "ftp://x"}, "BOG_API_BASE_URL is 'ftp://x'"),
        ({"DATABASE_URL": "mysql://u:hunter2@h/d"}, r"DATABASE_URL is 'mysql://u:\*\*\*@h/d'"),
        ({"BOG_CALLBACK_PUBLIC_KEY": "/no/such/file"}, "BOG_CALLBACK_PUBLIC_KEY is '/no/such/file'"),
        ({"BOG_CALLBACK_PUBLIC_KEY": "-----BEGIN nothing"}, "BOG_CALLBACK_PUBLIC_KEY cannot be used"),
        ({"BOG_CALLBACK_PUBLIC_KEY": "a\0b"}, "BOG_CALLBACK_PUBLIC_KEY is 'a.x00b'"),
        ({"BOG_API_BASE_URL": "https://["}, "BOG_API_BASE_URL is 'https://.': it must be an https:// address"),
        ({"BOG_AUTH_URL": "https://["}, "BOG_AUTH_URL is 'https://.'"),
        ({"API_DOMAIN": "https://["}, "API_DOMAIN is 'https://.'"),
        ({"FRONTEND_URL": "https://["}, "FRONTEND_URL is 'https://.'"),
        ({"BILLING_CLOCK_URL": "https://["}, "BILLING_CLOCK_URL is 'https://.'"),
        ({"BILLING_REGISTRATION_URL": "https://["}, "BILLING_REGISTRATION_URL is 'https://.'"),
        ({"BILLING_REGISTRATION_MINUTES": "99999999"}, "BILLING_REGISTRATION_MINUTES is '99999999'"),
        ({"BILLING_TIME_ZONE": "Mars/Base"}, "BILLING_TIME_ZONE is 'Mars/Base'"),
        ({"BILLING_RATE_LIMIT_PER_TOKEN": "many"}, "BILLING_RATE_LIMIT_PER_TOKEN is 'many'"),
        ({"BILLING_PROT": "1"}, "BILLING_PROT is not a setting: did you mean BILLING_PORT"),
        ({**PRODUCTION, "BILLING_CLOCK_URL": "http://127.0.0.1:8081/sandbox/clock"}, "BILLING_CLOCK_URL is set while"),
    ],
)
def test_an_invalid_setting_is_one_line_that_names_the_variable(environment: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidSettings, match=message) as caught:
        load_settings(environment)
    assert "\n" not in str(caught.value)


ODD = [
    "x",
    "-1",
    "0",
    "9" * 20,
    "1e400",
    "nan",
    "²",
    " ",
    "a\0b",
    "1,2,x",
    "9" * 12 + "/day",
    "http://",
    "https://[",
    "/",
]


@pytest.mark.parametrize("name", Settings.__struct_encode_fields__)
def test_an_odd_value_is_accepted_or_rejected_with_the_name_of_its_setting(name: str) -> None:
    for value in ODD:
        try:
            load_settings({name: value})
        except InvalidSettings as error:
            assert name in str(error)  # noqa: PT017 - some of the values are good for some settings


def test_a_dotenv_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("BILLING_PRODUCT_NAME=FromFile\nBILLING_PORT=9000\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BILLING_PORT", "9001")
    settings = load_settings()
    assert (settings.product_name, settings.port) == ("FromFile", 9001)


def test_settings_do_not_print_secrets() -> None:
    assert "s3cret" not in repr(load_settings(PRODUCTION))
    assert hide_password("postgresql://me:hunter2@db/x") == "postgresql://me:***@db/x"


@pytest.mark.parametrize(
    "fields",
    [
        {"client_secret": "s3cret"},
        {"signature": "s3cret"},
        {"reason": "sent Authorization: Bearer s3cret-s3cret"},
        {"reason": "Token s3crets3crets3cret refused"},
        {"url": "postgresql://me:s3cret@db/x"},
        {"detail": "card 4000 0000 0000 0001 s3cret".replace(" s3cret", "")},
    ],
)
def test_secrets_are_hidden_by_key_and_by_looks(fields: dict[str, str]) -> None:
    written = redact(None, "info", dict(fields))
    assert HIDDEN in str(written)
    assert "s3cret" not in str(written)
    assert "4000 0000" not in str(written)


def test_ordinary_log_values_are_not_redacted() -> None:
    fields = {"event": "order.created", "order_id": "SUB-9F2C7A1B04DE", "amount": "145.00 GEL"}
    assert redact(None, "info", dict(fields)) == fields


def test_logs_of_libraries_are_json_lines_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    kept, before = structlog.get_config(), logging.getLogger().handlers[:]
    try:
        configure_logs("json", "info")
        error = ValueError("refused: Bearer abcdefgh12345678")
        logging.getLogger("some.library").error("sent %s", "Token abcdefgh12345678", exc_info=error)
        logging.getLogger("some.library").info("of no interest")
    finally:
        logging.getLogger().handlers[:] = before
        structlog.configure(**kept)
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"], told["logger"]) == ("sent [hidden]", "error", "some.library")
    assert "ValueError: refused: [hidden]" in told["exception"]


@pytest.mark.parametrize("percent", ["abc", "NaN", "-1", "100", "1e3"])
def test_a_percent_of_vat_that_is_none_is_named(percent: str) -> None:
    with pytest.raises(InvalidSettings, match="BILLING_VAT_PERCENT"):
        load_settings({"BILLING_VAT_PERCENT": percent})


def test_the_seller_is_told_in_parts_or_in_lines(tmp_path: Path) -> None:
    assert load_settings({"BILLING_SELLER": "A;B;C"}).seller_party == Party(name="A", address="B\nC")
    parts = {"BILLING_SELLER_NAME": "N", "BILLING_SELLER_IDENTIFICATION_CODE": "1", "BILLING_SELLER_ADDRESS": "here"}
    assert load_settings(parts).seller_party == Party(name="N", identification_code="1", address="here")
    with pytest.raises(InvalidSettings, match="BILLING_SELLER_LOGO"):
        load_settings({"BILLING_SELLER_LOGO": str(tmp_path / "none.png")})
    assert load_settings({"BILLING_VAT_PERCENT": "18"}).selling.vat_percent == 18
    assert load_settings({"BILLING_VAT_PERCENT": "0"}).selling.vat_percent is None
