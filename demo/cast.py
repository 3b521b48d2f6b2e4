"""Who there is in the demo: two tenants, their advertisers with their offers, and their partners."""

from decimal import Decimal
from random import Random
from uuid import UUID, uuid5

import msgspec

NAMESPACE = UUID("9b0e3c52-7f0d-5c55-8a53-5b0a6e3f4d10")


class Advertiser(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    singular: bool


class Offer(msgspec.Struct, frozen=True):
    """`clicked` of its views become clicks, `converted` of those conversions, at `payout` each."""

    id: UUID
    name: str
    advertiser: Advertiser
    campaign: str
    app: str | None
    store: str | None
    os: str
    payout: Decimal
    clicked: float
    converted: float


class Partner(msgspec.Struct, frozen=True):
    id: UUID
    name: str


class Cast(msgspec.Struct, frozen=True):
    """`views` a day, about. A pair's partner is None for the tenant itself; `weights` are theirs, cumulative."""

    slug: str
    name: str
    views: int
    offers: list[Offer]
    partners: list[Partner]
    pairs: list[tuple[Offer, Partner | None]]
    weights: list[float]

    @property
    def advertisers(self) -> list[Advertiser]:
        return list(dict.fromkeys(offer.advertiser for offer in self.offers))


OfferLine = tuple[str, str, str | None, str | None, str, str]  # name, campaign, app, store id, os, payout


def cast(
    slug: str, name: str, views: int, advertisers: dict[tuple[str, bool], list[OfferLine]], partners: list[str]
) -> Cast:
    """An advertiser's key is its name and whether Singular is on."""

    def id_of(kind: str, of: str) -> UUID:
        return uuid5(NAMESPACE, f"{slug}/{kind}/{of}")

    dice = Random(f"cast/{slug}")  # noqa: S311 (it decides nothing but made-up data)
    offers = [
        Offer(
            id_of("offer", campaign),
            title,
            Advertiser(id_of("advertiser", owner), owner, singular),
            campaign,
            app,
            store,
            os,
            Decimal(payout),
            clicked=dice.uniform(0.12, 0.28),
            converted=dice.uniform(0.06, 0.22),
        )
        for (owner, singular), lines in advertisers.items()
        for title, campaign, app, store, os, payout in lines
    ]
    publishers = [Partner(id_of("partner", partner), partner) for partner in partners]
    pairs: list[tuple[Offer, Partner | None]] = []
    weights: list[float] = []
    for offer in offers:
        popularity = dice.lognormvariate(0, 0.6)
        for rank, partner in enumerate([None, *publishers], 1):
            if partner and dice.random() < 0.35:  # nobody shows every offer
                continue
            pairs.append((offer, partner))
            weights.append((weights[-1] if weights else 0) + popularity * dice.uniform(0.4, 1.6) / rank**0.7)
    return Cast(slug, name, views, offers, publishers, pairs, weights)


DEMO = cast(
    "demo",
    "Limestone Digital",
    700,
    {
        ("Brown Boots", True): [
            ("Kingdom Clash: reach level 20", "KC_IOS_L20_US", "Kingdom Clash", "1463728190", "IOS", "14.5"),
            ("Kingdom Clash: reach level 20", "KC_AND_L20_US", "Kingdom Clash", "com.brownboots", "ANDROID", "11.25"),
            ("Build your first castle", "KC_AND_CASTLE", "Kingdom Clash", "com.brownboots", "ANDROID", "2.1"),
            ("Win 50 puzzles in Gem Garden", "GEM_IOS_50", "Gem Garden", "1519920437", "IOS", "6.75"),
        ],
        ("Spin Royale", True): [
            ("Spin Royale: first deposit", "SPIN_WEB_FTD", None, None, "WEB", "45"),
            ("Spin Royale: collect 1M coins", "AOS_TEST_2025", "Spin Royale", "com.spinroyale.slots", "ANDROID", "8.4"),
            ("Spin Royale: collect 1M coins", "SPIN_IOS_1M", "Spin Royale", "1388274650", "IOS", "9.9"),
        ],
        ("Fernhill Bank", True): [
            ("Open a free current account", "FERN_WEB_ACCOUNT", None, None, "WEB", "32"),
            ("Verify your identity in Fernhill", "FERN_AND_KYC", "Fernhill", "com.fernhill.mobile", "ANDROID", "18.35"),
            ("Verify your identity in Fernhill", "FERN_IOS_KYC", "Fernhill", "1601158823", "IOS", "21.2"),
        ],
        ("Paper Lantern", True): [
            ("Start a free trial of Lantern", "PL_IOS_TRIAL", "Lantern Books", "1274460911", "IOS", "4.8"),
            ("Start a free trial of Lantern", "PL_AND_TRIAL", "Lantern Books", "com.paperlantern", "ANDROID", "3.95"),
            ('Subscribe to Lantern, "Unlimited" plan', "PL_WEB_SUB", None, None, "WEB", "7.333333"),
        ],
        ("Northwind Surveys", False): [
            ("Answer your first survey", "NW_WEB_FIRST", None, None, "WEB", "0.85"),
            ("Complete your profile, get paid", "NW_WEB_PROFILE", None, None, "WEB", "0.4"),
            ("Five surveys in a week", "NW_AND_FIVE", "Northwind", "org.northwind.surveys", "ANDROID", "3.6"),
        ],
    },
    ["Playdeck", "CoinHarbor", "Rewardly", "Café Ludo", "Gamers' Lounge, Inc.", "StreakBox", "みんなのポイント"],
)  # fmt: skip

ACME = cast(
    "acme",
    "Acme Rewards",
    120,
    {
        ("Brown Boots", True): [
            ("Kingdom Clash: reach level 10", "KC_AND_L10_DE", "Kingdom Clash", "com.brownboots", "ANDROID", "5.5"),
            ("Gem Garden: win 20 puzzles", "GEM_AND_20", "Gem Garden", "com.brownboots", "ANDROID", "2.75"),
        ],
        ("Green Fork", False): [
            ("Order your first meal kit", "GF_WEB_FIRST", None, None, "WEB", "24"),
            ("Install Green Fork", "GF_IOS_INSTALL", "Green Fork", "1560093345", "IOS", "1.2"),
        ],
    },
    ["Tapfield", "Lunch Break"],
)  # fmt: skip

CASTS = (DEMO, ACME)
