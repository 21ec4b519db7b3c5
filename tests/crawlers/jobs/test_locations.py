"""Where a posting is, from what companies write."""

from __future__ import annotations

import pytest

from crawlers.spiders.jobs.locations import labels_of

TOLD = {
    "us": """
        San Francisco, CA
        San Francisco, California, United States
        San Francisco Bay Area
        New York, NY
        New York
        New York City
        New York, New York, United States
        Remote - US
        Remote (US)
        US Remote
        USA Remote
        Remote, USA
        Remote, United States
        Remote - United States
        Anywhere in the United States
        USA Only
        US-CA-Menlo Park
        USA - Remote
        Austin, TX or Remote
        Springfield, IL
        Los Angeles, CA
        Wilmington, Delaware
        Paris, Texas
        Dublin, CA
        Athens, GA
        Cambridge, MA
        Cambridge, Massachusetts, USA
        Birmingham, AL
        Atlanta, Georgia
        Georgia, United States
        Vancouver, WA
        Melbourne, FL
        Lima, OH
        Manchester, NH
        Portland, OR
        Remote, TX
        Washington, DC
        Washington, D.C., United States
        Seattle, WA; Remote - US
        Kaneohe, Hawaii
        Hybrid - Denver
        Denver
        United States
        U.S.
        Remote (United States | Canada)
        Toronto, ON or New York, NY
        NYC / SF""",
    "europe": """
        London
        London, UK
        London, United Kingdom
        London, England, United Kingdom
        Greater London
        Cambridge, UK
        Birmingham, England
        Berlin
        Berlin, DE
        Berlin, Germany
        Remote - Germany
        Munich or Berlin
        München
        Kraków, Poland
        Łódź
        Zürich
        Paris, Île-de-France, France
        Amsterdam, NL
        Dublin, Ireland
        Dublin, IE
        Remote, EU
        Remote - Europe
        Europe Only
        Remote (EU only)
        Remote, Italy
        Valletta, MT
        Tallinn, Estonia
        Stockholm; London
        FRA - Paris
        Remote - United Kingdom
        Hybrid, Lisbon
        Toronto, Canada / Lisbon, Portugal
        DACH
        The Hague
        Sarajevo, Bosnia and Herzegovina
        Remote-UK
        SAP HQ, Dublin (Ireland)
        Walldorf, Germany""",
    "europe us": """
        London or New York
        London, Berlin, New York
        New York, NY, London
        San Francisco, CA; London, UK
        US & Europe
        United States, Germany
        Remote - US / Remote - UK
        Boston, MA • Dublin, Ireland""",
    "": """
        Remote
        Worldwide
        Anywhere
        Anywhere in the World
        In-Office
        Hybrid
        LatAm
        Americas
        North America
        EMEA
        APAC
        Remote - CA
        Remote - Canada
        Toronto, ON
        Toronto, Ontario
        London, Ontario
        London, Ontario, Canada
        London, ON
        Paris, Ontario, Canada
        Ontario, Canada
        Bengaluru, India
        Remote, Bangalore
        Bangalore, IN
        Tel Aviv, IL
        Tel Aviv, Israel
        Buenos Aires, AR
        Tbilisi, Georgia
        Georgia
        Cambridge
        Birmingham
        Walldorf, DE
        Sydney, New South Wales, Australia
        Mexico City
        New Delhi
        São Paulo
        Singapore
        Home based
        join us
        in
        or
        3 locations
        -""",
}
CASES = [(place.strip(), set(labels.split())) for labels, places in TOLD.items() for place in places.strip().split("\n")]


@pytest.mark.parametrize(("place", "labels"), CASES)
def test_a_place_tells_its_part_of_the_world_or_nothing(place: str, labels: set[str]) -> None:
    assert labels_of([place]) == labels


def test_a_posting_may_have_several_places() -> None:
    assert labels_of(["London", "Stockholm", "New York, NY"]) == {"us", "europe"}
    assert labels_of(["Bengaluru, India", "Remote"]) == set()
    assert labels_of([]) == set()
