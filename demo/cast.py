"""The demo's two tenants with their advertisers, offers and partners.

Three offers have missing or invalid data that Singular reads.
"""

from decimal import Decimal
from random import Random
from uuid import UUID, uuid5

import msgspec

NAMESPACE = UUID("9b0e3c52-7f0d-5c55-8a53-5b0a6e3f4d10")


class Company(msgspec.Struct, frozen=True):
    """An advertiser's contact and billing data. `domain` is its email domain; `asks`: it has requested Singular.

    `country` is that of its offers' users, ISO 3166-1.
    """

    name: str
    domain: str
    contact: str
    phone: str
    legal_name: str
    address: str
    tax_id: str
    time_zone: str
    country: str
    category: str
    currency: str = "USD"
    singular: bool = True
    asks: bool = False

    @property
    def contact_email(self) -> str:
        return f"{self.contact.lower().replace(' ', '.')}@{self.domain}"

    @property
    def billing_email(self) -> str:
        return f"accounts@{self.domain}"


class CastAdvertiser(msgspec.Struct, frozen=True):
    id: UUID
    company: Company

    @property
    def name(self) -> str:
        return self.company.name


class CastOffer(msgspec.Struct, frozen=True):
    """`clicked` is the share of views that become clicks, `converted` the share of clicks that become conversions.

    Each conversion costs `payout`.
    """

    id: UUID
    name: str
    advertiser: CastAdvertiser
    campaign: str | None
    app: str | None
    store: str | None
    os: str
    payout: Decimal
    clicked: float
    converted: float


class CastPartner(msgspec.Struct, frozen=True):
    id: UUID
    name: str


class Cast(msgspec.Struct, frozen=True):
    """`views` is the approximate number of views per day.

    `pairs` combines offers with partners; the partner is None for the tenant itself. `weights` are cumulative.
    """

    slug: str
    name: str
    views: int
    offers: list[CastOffer]
    partners: list[CastPartner]
    pairs: list[tuple[CastOffer, CastPartner | None]]
    weights: list[float]

    @property
    def advertisers(self) -> list[CastAdvertiser]:
        return list(dict.fromkeys(offer.advertiser for offer in self.offers))


# The ids of the examples in docs/ and apidocs/, so that sending one changes the demo's rows and creates no others.
DOCUMENTED_IDS = {
    "demo/advertiser/Brown Boots": UUID("ee70b574-1234-4b4e-8b99-46e050754d1c"),
    "demo/offer/KC_AND_L20_US": UUID("6a8273c6-fe06-4be2-927e-c8be786c3fff"),
    "demo/partner/Playdeck": UUID("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
}
OfferLine = tuple[str, str, str | None, str | None, str, str]  # name, campaign, app, store id, os, payout
WITHOUT_CAMPAIGN_NAME = {"FERN_WEB_ACCOUNT"}  # offers without the advertiser's own campaign name


def cast(slug: str, name: str, views: int, advertisers: dict[Company, list[OfferLine]], partners: list[str]) -> Cast:
    def id_of(kind: str, of: str) -> UUID:
        path = f"{slug}/{kind}/{of}"
        return DOCUMENTED_IDS.get(path) or uuid5(NAMESPACE, path)

    dice = Random(f"cast/{slug}")  # noqa: S311 (synthetic data)
    offers = [
        CastOffer(
            id_of("offer", campaign),
            title,
            CastAdvertiser(id_of("advertiser", company.name), company),
            None if campaign in WITHOUT_CAMPAIGN_NAME else campaign,
            app,
            store,
            os,
            Decimal(payout),
            clicked=dice.uniform(0.12, 0.28),
            converted=dice.uniform(0.06, 0.22),
        )
        for company, lines in advertisers.items()
        for title, campaign, app, store, os, payout in lines
    ]
    publishers = [CastPartner(id_of("partner", partner), partner) for partner in partners]
    pairs: list[tuple[CastOffer, CastPartner | None]] = []
    weights: list[float] = []
    for offer in offers:
        popularity = dice.lognormvariate(0, 0.6)
        for rank, partner in enumerate([None, *publishers], 1):
            if partner and dice.random() < 0.35:  # a partner shows only some offers
                continue
            pairs.append((offer, partner))
            weights.append((weights[-1] if weights else 0) + popularity * dice.uniform(0.4, 1.6) / rank**0.7)
    return Cast(slug, name, views, offers, publishers, pairs, weights)


BROWN_BOOTS = Company(
    name="Brown Boots",
    domain="brownboots.example",
    contact="Maya Okafor",
    phone="+1 415 555 0134",
    legal_name="Brown Boots Games, Inc.",
    address="548 Market Street\nSan Francisco, CA 94104\nUnited States",
    tax_id="US 94-5550134",
    time_zone="America/Los_Angeles",
    country="US",
    category="Games",
)
SPIN_ROYALE = Company(
    name="Spin Royale",
    domain="spinroyale.example",
    contact="Daniel Borg",
    phone="+356 2555 0117",
    legal_name="Spin Royale Ltd",
    address="12 Strait Street\nValletta VLT 1432\nMalta",
    tax_id="MT 15550117",
    time_zone="Europe/Malta",
    country="MT",
    category="Casino",
)
FERNHILL_BANK = Company(
    name="Fernhill Bank",
    domain="fernhill.example",
    contact="Priya Raman",
    phone="+44 20 7946 0182",
    legal_name="Fernhill Bank plc",
    address="3 Fernhill Row\nLondon EC2A 4NE\nUnited Kingdom",
    tax_id="GB 555 0182 46",
    time_zone="Europe/London",
    country="GB",
    category="Banking",
    currency="GBP",
)
PAPER_LANTERN = Company(
    name="Paper Lantern",
    domain="paperlantern.example",
    contact="Jonas Weber",
    phone="+49 30 5550 0129",
    legal_name="Paper Lantern GmbH",
    address="Torstraße 88\n10119 Berlin\nGermany",
    tax_id="DE 555012999",
    time_zone="Europe/Berlin",
    country="DE",
    category="Books",
    currency="EUR",
)
NORTHWIND = Company(
    name="Northwind Surveys",
    domain="northwind.example",
    contact="Ingrid Dahl",
    phone="+47 22 55 01 46",
    legal_name="Northwind Surveys AS",
    address="Storgata 21\n0184 Oslo\nNorway",
    tax_id="NO 955 501 46",
    time_zone="Europe/Oslo",
    country="NO",
    category="Surveys",
    singular=False,
    asks=True,
)
HOSHI = Company(  # amounts in yen have no decimals
    name="Hoshi Games",
    domain="hoshi.example",
    contact="Aiko Mori",
    phone="+81 3 5550 0173",
    legal_name="Hoshi Games K.K.",
    address="2-8-1 Ebisu, Shibuya-ku\nTokyo 150-0013\nJapan",
    tax_id="JP T5550173001",
    time_zone="Asia/Tokyo",
    country="JP",
    category="Games",
    currency="JPY",
)
GREEN_FORK = Company(
    name="Green Fork",
    domain="greenfork.example",
    contact="Chiara Ricci",
    phone="+39 02 5555 0168",
    legal_name="Green Fork S.r.l.",
    address="Via Tortona 31\n20144 Milano\nItaly",
    tax_id="IT 05550168001",
    time_zone="Europe/Rome",
    country="IT",
    category="Food",
    currency="EUR",
    singular=False,
)

DEMO = cast(
    "demo",
    "Limestone Digital",
    560,
    {
        BROWN_BOOTS: [
            ("Kingdom Clash: reach level 20", "KC_IOS_L20_US", "Kingdom Clash", "1463728190", "IOS", "14.5"),
            ("Kingdom Clash: reach level 20", "KC_AND_L20_US", "Kingdom Clash", "com.brownboots", "ANDROID", "11.25"),
            ("Build your first castle", "KC_AND_CASTLE", "Kingdom Clash", None, "ANDROID", "2.1"),
            ("Win 50 puzzles in Gem Garden", "GEM_IOS_50", "Gem Garden", "1519920437", "IOS", "6.75"),
        ],
        SPIN_ROYALE: [
            ("Spin Royale: first deposit", "SPIN_WEB_FTD", None, None, "WEB", "45"),
            ("Spin Royale: collect 1M coins", "AOS_TEST_2025", "Spin Royale", "com.spinroyale.slots", "ANDROID", "8.4"),
            ("Spin Royale: collect 1M coins", "SPIN_IOS_1M", "Spin Royale", "id1388274650", "IOS", "9.9"),
        ],
        FERNHILL_BANK: [
            ("Open a free current account", "FERN_WEB_ACCOUNT", None, None, "WEB", "32"),
            ("Verify your identity in Fernhill", "FERN_AND_KYC", "Fernhill", "com.fernhill.mobile", "ANDROID", "18.35"),
            ("Verify your identity in Fernhill", "FERN_IOS_KYC", "Fernhill", "1601158823", "IOS", "21.2"),
        ],
        PAPER_LANTERN: [
            ("Start a free trial of Lantern", "PL_IOS_TRIAL", "Lantern Books", "1274460911", "IOS", "4.8"),
            ("Start a free trial of Lantern", "PL_AND_TRIAL", "Lantern Books", "com.paperlantern", "ANDROID", "3.95"),
            ('Subscribe to Lantern, "Unlimited" plan', "PL_WEB_SUB", None, None, "WEB", "7.333333"),
        ],
        NORTHWIND: [
            ("Answer your first survey", "NW_WEB_FIRST", None, None, "WEB", "0.85"),
            ("Complete your profile, get paid", "NW_WEB_PROFILE", None, None, "WEB", "0.4"),
            ("Five surveys in a week", "NW_AND_FIVE", "Northwind", "org.northwind.surveys", "ANDROID", "3.6"),
        ],
        HOSHI: [
            ("Reach chapter 5 of Hoshi no Michi", "HNM_IOS_CH5", "Hoshi no Michi", "1587730416", "IOS", "640"),
            ("Reach chapter 5 of Hoshi no Michi", "HNM_AND_CH5", "Hoshi no Michi", "jp.hoshi.michi", "ANDROID", "480"),
        ],
    },
    ["Playdeck", "CoinHarbor", "Rewardly", "Café Ludo", "Gamers' Lounge, Inc.", "StreakBox", "みんなのポイント"],
)  # fmt: skip

ACME = cast(
    "acme",
    "Acme Rewards",
    120,
    {
        BROWN_BOOTS: [
            ("Kingdom Clash: reach level 10", "KC_AND_L10_DE", "Kingdom Clash", "com.brownboots", "ANDROID", "5.5"),
            ("Gem Garden: win 20 puzzles", "GEM_AND_20", "Gem Garden", "com.brownboots", "ANDROID", "2.75"),
        ],
        GREEN_FORK: [
            ("Order your first meal kit", "GF_WEB_FIRST", None, None, "WEB", "24"),
            ("Install Green Fork", "GF_IOS_INSTALL", "Green Fork", "1560093345", "IOS", "1.2"),
        ],
    },
    ["Tapfield", "Lunch Break"],
)  # fmt: skip

CASTS = (DEMO, ACME)
