"""Run by the ERP's own Python: a new Tryton database with the hospital's masters in it, and the user of the engine.

  python seed.py MASTERS --config trytond.conf --db NAME [--stock-accounting anglo_saxon]

Prints one JSON object: key of the REST user, name of the company. SQLite, or PostgreSQL by the config's uri.
"""

from __future__ import annotations

import argparse
import configparser
import datetime as dt
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from decimal import Decimal

MODULES = [
    *("ir", "res", "party", "company", "currency", "product", "stock", "stock_lot", "purchase"),
    *("account", "account_product", "account_invoice", "account_invoice_stock", "account_stock_anglo_saxon"),
    *("analytic_account", "analytic_invoice", "analytic_purchase"),
]
GROUPS = [
    "Stock",
    "Accounting",
    "Purchase",
    "Stock Cancellation",
    "Analytic Administration",
    "Product Administration",
]
COMPANY = "North General Hospital"
KEY = "k" * 8 + "0123456789abcdef" * 7 + "demo-key"
USED = ("USED", "Used on patients")
OPENED = dt.date(dt.datetime.now(dt.UTC).year - 1, 6, 1)

parser = argparse.ArgumentParser()
parser.add_argument("masters", type=pathlib.Path)
parser.add_argument("--config", required=True)
parser.add_argument("--db", required=True)
parser.add_argument("--stock-accounting", default="none", choices=["none", "anglo_saxon", "continental"])
asked = parser.parse_args()
masters = json.loads(asked.masters.read_text())

config = configparser.ConfigParser(interpolation=None)
config.read(asked.config)
uri = config.get("database", "uri", fallback="sqlite://")
if uri.startswith("sqlite"):
    file = pathlib.Path(config.get("database", "path")) / f"{asked.db}.sqlite"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
with tempfile.NamedTemporaryFile("w", suffix=".pass") as password:
    password.write("admin-Passw0rd")
    password.flush()
    subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "trytond-admin"), "-c", asked.config, "-d", asked.db,
         "--email", "admin@example.com", "--activate-dependencies", "-u", *MODULES],
        check=True, env={**os.environ, "TRYTONPASSFILE": password.name}, stdout=sys.stderr,
    )  # fmt: skip

import trytond.config  # noqa: E402
from proteus import Model  # noqa: E402
from proteus import config as proteus_config  # noqa: E402

trytond.config.update_etc(asked.config)
place = f"{uri.rstrip('/')}/{asked.db}" if uri.startswith("postgresql") else f"sqlite:///{asked.db}"
session = proteus_config.set_trytond(database=place, user="admin", config_file=asked.config)
from trytond.modules.account.tests.tools import create_chart  # noqa: E402
from trytond.modules.account_invoice.tests.tools import set_fiscalyear_invoice_sequences  # noqa: E402
from trytond.modules.company.tests.tools import create_company, get_company  # noqa: E402


def first(model, *domain):
    return Model.get(model).find(list(domain), limit=1)[0]


def new(model, **values):
    record = Model.get(model)()
    for name, value in values.items():
        setattr(record, name, value)
    record.save()
    return record


# company, chart of accounts
create_company(party=new("party.party", name=COMPANY), currency=masters["currency"])
company = get_company()
session._context = Model.get("res.user").get_preferences(True, {})
create_chart(company)


def account(code):
    return first("account.account", ("code", "=", code), ("company", "=", company.id))


for code, name in (("5.9.1", "Medical supplies used"), ("5.9.2", "Time in theatre and ward")):
    new("account.account", code=code, name=name, type=account("5.1.1").type, company=company, reconcile=False)
new(
    "account.account",
    code="1.9.1",
    name="Time absorbed",
    type=account("1.3.1").type,
    company=company,
    reconcile=False,
)

# fiscal years with monthly periods; January of last year is closed
(move_type,) = Model.get("ir.sequence.type").find([("name", "=", "Account Move")])
for year in range(OPENED.year, OPENED.year + 3):
    fiscal = Model.get("account.fiscalyear")(name=str(year), company=company)
    fiscal.start_date, fiscal.end_date = dt.date(year, 1, 1), dt.date(year, 12, 31)
    fiscal.move_sequence = new(
        "ir.sequence.strict", name=f"Move {year}", sequence_type=move_type, company=company
    )
    set_fiscalyear_invoice_sequences(fiscal)
    fiscal.account_stock_method = None if asked.stock_accounting == "none" else asked.stock_accounting
    fiscal.save()
    fiscal.click("create_period")
first("account.period", ("start_date", "=", dt.date(OPENED.year, 1, 1))).click("close")

# cost centers, locations, parties, terms
root = new("analytic_account.account", name="Cost centers", code="CC", type="root")
for center in masters["cost_centers"]:
    new(
        "analytic_account.account",
        name=center["name"],
        code=center["code"],
        type="normal",
        root=root,
        parent=root,
    )
storage = first("stock.location", ("type", "=", "warehouse")).storage_location
stores = {
    one["code"]: new("stock.location", code=one["code"], name=one["name"], type="storage", parent=storage)
    for one in masters["locations"]
}
new("stock.location", code=USED[0], name=USED[1], type="lost_found")
for code, name in [(one["code"], one["name"]) for one in masters["suppliers"]] + [
    ("PATIENTS", "Patient accounts")
]:
    party = Model.get("party.party")(name=name)
    party.code = code
    if not party.addresses:
        party.addresses.new()
    party.addresses[0].street = "1 Main Street"
    party.save()
term = Model.get("account.invoice.payment_term")(name="Direct")
term.lines.new(type="remainder")
term.save()

# items and opening stock
category = Model.get("product.category")(name="Implants and consumables")
category.accounting = True
category.account_expense, category.account_revenue = account("5.9.1"), account("4.1.1")
category.account_stock, category.account_cogs = account("1.3.1"), account("5.1.1")
category.account_stock_in = category.account_stock_out = account("5.1.5")
category.save()
units = {"EA": first("product.uom", ("name", "=", "Unit"))}
each = units["EA"]
for code, name in (("PR", "Pair"), ("VL", "Vial")):
    units[code] = new(
        "product.uom",
        name=name,
        symbol=code,
        category=each.category,
        rate=1.0,
        factor=1.0,
        rounding=1.0,
        digits=0,
    )
each.symbol = "EA"
each.save()
products = {}
for item in masters["items"]:
    bins = item.get("stock", {})
    cost = next((Decimal(bin_["unit_cost"]) for bin_ in bins.values()), Decimal(0))
    template = Model.get("product.template")(name=item["description"])
    template.default_uom, template.type, template.purchasable = units[item["unit"]], "goods", True
    template.list_price, template.cost_price_method = cost, "fixed"
    template.account_category = category
    product = template.products[0] if template.products else template.products.new()
    product.suffix_code, product.cost_price = item["number"], cost
    template.save()
    products[item["number"]] = template.products[0]
for code, store in stores.items():
    inventory = Model.get("stock.inventory")(location=store, date=OPENED, empty_quantity="keep")
    for item in masters["items"]:
        if code in item.get("stock", {}):
            line = inventory.lines.new()
            line.product, line.quantity = products[item["number"]], float(item["stock"][code]["quantity"])
    inventory.save()
    inventory.click("confirm")

# who may
user = Model.get("res.user")(name="Interface engine", login="engine", password="engine-Passw0rd")
for group in Model.get("res.group").find([("name", "in", GROUPS)]):
    user.groups.append(group)
user.companies.append(company)
user.company = company
user.save()
new("res.user.application", application="rest", user=user, key=KEY)
application = first("res.user.application", ("user", "=", user.id))
if application.state != "validated":
    application.click("validate_")
print(json.dumps({"key": KEY, "company": COMPANY}))
