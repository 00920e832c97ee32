"""EPCIS 2.0: the documents of others, ids, hashes, and what our events become (D-131 to D-135)."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.formats.epcis.hashing import event_id, text_of
from agent.formats.epcis.ids import Ids, canonical, is_class
from agent.formats.epcis.mapping import CONTEXT, Epcis, Mapper, Settings, declared_wrong
from agent.formats.epcis.rules import event_problems, problems
from tests.trace_rig import Plant

DATA = Path(__file__).parents[2] / "data" / "epcis"
UNIT = "https://id.gs1.org/01/09506000134352/21/SN1"
LOT = "https://id.gs1.org/01/09506000134352/10/L1"


def documents(*patterns: str) -> list[Path]:
    """Return files of the test data."""
    return sorted(path for pattern in patterns for path in DATA.glob(pattern))


SOUND = [path for path in documents("*.json", "*.jsonld") if not path.name.startswith("invalid_")]


@pytest.mark.parametrize("path", SOUND, ids=lambda path: path.stem)
def test_a_document_of_others_is_accepted(path: Path) -> None:
    """All types of events, extensions, sensor data, error declarations, Digital Link ids."""
    assert problems(json.loads(path.read_text())) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("with_invalid_action", ["action: 'CREATE' is none of ADD, DELETE, OBSERVE"]),
        (
            "with_invalid_eventTime_format",
            ["eventTime: is missing, or no time with its offset"],
        ),
        (
            "without_action_and_eventTime",
            [
                "eventTime: is missing, or no time with its offset",
                "eventTimeZoneOffset: is missing, or no offset",
                "action: None is none of ADD, DELETE, OBSERVE",
            ],
        ),
    ],
)
def test_an_invalid_document_is_refused(name: str, says: list[str]) -> None:
    """And what is wrong is named with its place."""
    document = json.loads((DATA / f"invalid_ObjectEvent_{name}.json").read_text())
    assert problems(document) == [f"eventList[0].{each}" for each in says]


WELL: Epcis = {
    "type": "ObjectEvent",
    "eventTime": "2026-11-30T09:00:00.000Z",
    "eventTimeZoneOffset": "+01:00",
    "action": "OBSERVE",
    "epcList": [UNIT],
}
MOVED: Epcis = {**WELL, "type": "AssociationEvent", "parentID": UNIT, "childEPCs": [UNIT]}
del MOVED["epcList"]
WRONG: list[tuple[Epcis, str]] = [
    ({"type": "ThingEvent"}, "type: 'ThingEvent' is no type of event"),
    ({"childEPCs": [UNIT]}, "childEPCs: a ObjectEvent has no such field"),
    ({"epcList": []}, "epcList: nothing is observed: neither epcList nor quantityList"),
    ({"epcList": ["SN1"]}, "epcList[0]: 'SN1' is no URI"),
    ({"epcList": UNIT}, "epcList: is no list"),
    ({"eventTime": "2026-13-30T09:00:00Z"}, "eventTime: is missing, or no time with its offset"),
    ({"eventTimeZoneOffset": "+15:00"}, "eventTimeZoneOffset: is missing, or no offset"),
    ({"recordTime": "today"}, "recordTime: no time with its offset"),
    ({"ilmd": {"a:b": 1}}, "ilmd: stands at the begin of life only, action ADD"),
    ({"action": "ADD", "ilmd": {"b": 1}}, "ilmd.b: is no field of it"),
    ({"action": "ADD", "ilmd": 1}, "ilmd: no JSON object"),
    ({"bizStep": "pressing"}, "bizStep: 'pressing' is no word of the vocabulary, and no URI"),
    ({"persistentDisposition": {}}, "persistentDisposition: has set, unset or both"),
    (
        {"persistentDisposition": {"set": []}},
        "persistentDisposition.set: is no list, or empty",
    ),
    ({"readPoint": {}}, "readPoint: has no id"),
    ({"readPoint": {"id": "here"}}, "readPoint.id: 'here' is no URI"),
    ({"quantityList": [{}]}, "quantityList[0]: has no epcClass"),
    (
        {"quantityList": [{"epcClass": LOT, "quantity": True}]},
        "quantityList[0].quantity: True is no quantity",
    ),
    (
        {"quantityList": [{"epcClass": LOT, "uom": "KGM"}]},
        "quantityList[0].uom: 'KGM' is no unit of measure of a quantity",
    ),
    ({"bizTransactionList": [{}]}, "bizTransactionList[0]: has no bizTransaction"),
    (
        {"bizTransactionList": [{"bizTransaction": UNIT, "type": "order"}]},
        "bizTransactionList[0].type: 'order' is no word of the vocabulary, and no URI",
    ),
    ({"sourceList": [{"source": UNIT}]}, "sourceList[0].type: is missing"),
    (
        {"errorDeclaration": {}},
        "errorDeclaration.declarationTime: is missing, or no time with its offset",
    ),
    (
        {"errorDeclaration": {"declarationTime": WELL["eventTime"], "reason": "oops"}},
        "errorDeclaration.reason: 'oops' is no word of the vocabulary, and no URI",
    ),
    ({"sensorElementList": [{}]}, "sensorElementList[0].sensorReport: is missing"),
    (
        {"sensorElementList": [{"sensorReport": [1, {"val": 1}]}]},
        "sensorElementList[0].sensorReport[0]: no JSON object",
    ),
    ({"certificationInfo": ["x"]}, "certificationInfo[0]: 'x' is no URI"),
]


@pytest.mark.parametrize(("change", "says"), WRONG, ids=lambda each: str(each)[:40])
def test_what_breaks_a_rule_is_named(change: Epcis, says: str) -> None:
    """Each rule has its words, and a sound event has none."""
    assert list(event_problems(WELL)) == []
    assert says in list(event_problems({**WELL, **change}))


def test_each_type_needs_what_it_is_about() -> None:
    """A parent, children, transactions, an input and an output."""
    assert list(event_problems(MOVED)) == []
    bare = {key: value for key, value in MOVED.items() if key not in {"parentID", "childEPCs"}}
    assert list(event_problems(bare)) == [
        "parentID: is missing",
        "childEPCs: nothing is associated",
    ]
    packed = {**bare, "type": "AggregationEvent", "action": "ADD"}
    assert list(event_problems(packed)) == ["parentID: is missing", "childEPCs: nothing is added"]
    sold = {**WELL, "type": "TransactionEvent"}
    assert list(event_problems(sold)) == ["bizTransactionList: is missing"]
    made = {key: value for key, value in WELL.items() if key not in {"action", "epcList"}}
    made["type"] = "TransformationEvent"
    assert list(event_problems(made)) == [
        "inputEPCList: nothing is input, and there is no transformationID",
        "outputEPCList: nothing is output, and there is no transformationID",
    ]
    assert list(event_problems({**made, "transformationID": UNIT})) == []
    assert list(event_problems({**made, "transformationID": UNIT, "action": "ADD"})) == [
        "action: a TransformationEvent has no such field"
    ]
    assert list(event_problems(1)) == ["no JSON object"]


def test_a_document_has_a_head_and_events() -> None:
    """What is none is told as such."""
    assert problems([]) == ["no JSON object"]
    assert problems({}) == [
        "type: is not EPCISDocument",
        "@context: is missing",
        "schemaVersion: is missing, or no version",
        "creationDate: is missing, or no time with its offset",
        "epcisBody: is missing",
    ]
    head = {"type": "EPCISDocument", "@context": [], "schemaVersion": "2.0"}
    head |= {"creationDate": WELL["eventTime"]}
    assert problems({**head, "epcisBody": {}}) == ["epcisBody.eventList: is no list"]
    assert problems({**head, "epcisBody": {"event": WELL}}) == []


# ------------------------------------------------------------------ hashes and ids


@pytest.mark.parametrize("path", documents("hash_*.jsonld"), ids=lambda path: path.stem)
def test_event_hashes_are_those_of_the_reference(path: Path) -> None:
    """Whatever the order of fields and the form of ids, the hash is the published one (D-134)."""
    document = json.loads(path.read_text())
    context: dict[str, str] = {}
    for part in document["@context"]:
        context |= part if isinstance(part, dict) else {}
    expected = path.with_suffix(".hashes").read_text().split()
    events = document["epcisBody"]["eventList"]
    assert [event_id(event, context) for event in events] == expected
    turned = [dict(reversed(event.items())) for event in events]
    assert [event_id(event, context) for event in turned] == expected
    sent = [{**event, "recordTime": "2026-01-01T00:00:00Z", "eventID": "x:y"} for event in events]
    assert [event_id(event, context) for event in sent] == expected


def test_the_hashed_text_of_an_association() -> None:
    """The vector of D-134: fields in order, no separators, UTC, full terms, Digital Links."""
    event = {
        "readPoint": {"id": "urn:epc:id:sgln:4012345.00002.0"},
        "bizStep": "installing",
        "action": "ADD",
        "type": "AssociationEvent",
        "childEPCs": ["urn:epc:id:giai:4000001.12346"],
        "parentID": "urn:epc:id:sgln:4012345.00002.12",
        "eventTimeZoneOffset": "+01:00",
        "eventTime": "2019-11-02T14:00:00.000+01:00",
    }
    assert text_of(event, {}) == (
        "eventType=AssociationEventeventTime=2019-11-02T13:00:00.000ZeventTimeZoneOffset=+01:00"
        "parentID=https://id.gs1.org/414/4012345000023/254/12"
        "childEPCsepc=https://id.gs1.org/8004/400000112346action=ADD"
        "bizStep=https://ref.gs1.org/cbv/BizStep-installing"
        "readPointid=https://id.gs1.org/414/4012345000023"
    )
    assert event_id(event, {}) == (
        "ni:///sha-256;2a4801ee770582c1952504052703f6ccca6b6a11ddd85936365bd7d01c6729c7?ver=CBV2.0"
    )


def test_the_rest_of_the_fields_is_hashed_too() -> None:
    """Sensor data, dispositions, own fields of any depth; numbers and flags in one form."""
    event = {
        **WELL,
        "persistentDisposition": {"unset": ["active"], "set": ["recalled", "damaged"]},
        "sensorElementList": [
            {
                "sensorMetadata": {"time": "2026-11-30T10:00:00+01:00", "deviceID": UNIT},
                "sensorReport": [{"type": "gs1:Temperature", "value": 26.0, "a:b": True}],
            },
            {"sensorReport": [{"value": 1}], "x:y": False},
        ],
        "a:list": [2, 1.5],
        "b:own": {"a:deep": "c"},
    }
    text = text_of(event, {"a": "urn:a:"})
    assert "persistentDispositionset=https://ref.gs1.org/cbv/Disp-damagedset=" in text
    assert (
        "sensorElementListsensorElementsensorMetadatatime=2026-11-30T09:00:00.000Z"
        f"deviceID={UNIT}sensorReporttype=gs1:Temperaturevalue=26{{urn:a:}}b=true"
        "sensorElementsensorReportvalue=1x:y=false"
    ) in text
    assert text.endswith("b:own{urn:a:}deep=c{urn:a:}list=1.5{urn:a:}list=2")


@pytest.mark.parametrize(
    ("urn", "link"),
    [
        ("urn:epc:id:sgtin:4012345.011122.25", "01/04012345111224/21/25"),
        ("urn:epc:class:lgtin:4054739.099914.20160711", "01/04054739999148/10/20160711"),
        ("urn:epc:idpat:sgtin:4012345.066666.*", "01/04012345666663"),
        ("urn:epc:id:sscc:4012345.0111111111", "00/040123451111111110"),
        ("urn:epc:id:sgln:4012345.00012.0", "414/4012345000122"),
        ("urn:epc:id:pgln:4012345.00000", "417/4012345000009"),
        ("urn:epc:id:grai:4012345.11111.7", "8003/040123451111187"),
        ("urn:epc:id:giai:4000001.12346", "8004/400000112346"),
        ("urn:epc:id:gsrn:4012345.1234567890", "8018/401234512345678900"),
        ("urn:epc:id:gdti:4012345.55555.1234", "253/40123455555541234"),
        ("urn:epc:id:cpi:4012345.5PQ7.12", "8010/40123455PQ7/8011/12"),
    ],
)
def test_two_forms_of_one_id_are_equal(urn: str, link: str) -> None:
    """A URN and a Digital Link of any resolver come down to the canonical one (D-133)."""
    assert canonical(urn) == f"https://id.gs1.org/{link}"
    assert canonical(f"https://example.com/some/{link}?a=b".partition("?")[0]) == canonical(urn)


def test_what_is_no_key_stands_as_it_is() -> None:
    """A broken URN, another URI; what a class is, its form says or not."""
    for text in ("urn:epc:id:sgtin:4012345", "urn:epc:id:odd:1.2", "urn:x:y", "plain"):
        assert canonical(text) == text
    assert [is_class(each) for each in (UNIT, LOT, "urn:x:y")] == [False, True, None]


def test_ids_of_the_owner() -> None:
    """What has no GS1 key goes below the owner's URI, escaped; a GS1 key stays what it is."""
    ids = Ids("https://id.acme.com/")
    assert ids.thing("SN 1/2") == "https://id.acme.com/item/SN%201/2"
    assert ids.lot(LOT) == LOT
    assert ids.order("WO-1") == "https://id.acme.com/order/WO-1"
    assert ids.location("acme/l1/press", "housing") == (
        "https://id.acme.com/location/acme/l1/press/housing"
    )
    assert Ids().location("acme/press") == "urn:lineside:id:location:acme:press"
    assert Ids("urn:acme:").lot("L:1") == "urn:acme:lot:L:1"


# ------------------------------------------------------------------ our events


def mapped(plant: Plant, settings: Settings | None = None) -> list[Epcis]:
    """Return what a plant's events become, each of them sound and with its hash."""
    mapper = Mapper(settings or Settings(ids=Ids("https://id.acme.com/")))
    found = [each for event in plant.events for each in mapper.take(event)]
    found += mapper.finish()
    for each in found:
        assert list(event_problems(each)) == []
        assert each["eventID"] == event_id(each, CONTEXT)
    return found


def brief(event: Epcis) -> tuple[Any, ...]:
    """Return type, action, step, and what it is about."""
    about = [event[key] for key in ("parentID", "epcList", "childEPCs") if key in event]
    classes = [
        each["epcClass"]
        for key in ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
        for each in event.get(key, ())
    ]
    return event["type"], event.get("action"), event.get("bizStep"), *about, *classes


def test_a_cycle_with_its_lots_and_parts() -> None:
    """Observed; the lot and the part that are certain are associated, what is possible is not."""
    plant = Plant()
    plant.add(
        "unit_completed",
        unit=UNIT,
        result="ok",
        order="WO-1",
        visit=1,
        values=[{"name": "force", "value": 12.5, "quality": "good"}, {"name": "x"}],
        components=[
            {"position": "reel", "candidates": ["L-1"], "certainty": "certain"},
            {"position": "ecu", "candidates": ["ECU-7"], "certainty": "certain"},
            {"position": "glue", "candidates": ["A", "B"], "certainty": "possible"},
            {"position": "foil", "candidates": [], "certainty": "possible"},
        ],
    )
    address = f"{plant.events[-1]['epoch']}-{plant.events[-1]['seq']}"
    plant.add(
        "component_installed", component="ECU-7", unit=UNIT, position="ecu", because=[address]
    )
    plant.events[-1]["time"] = plant.events[0]["time"]
    seen, part, lots = mapped(plant)
    assert brief(seen) == ("ObjectEvent", "OBSERVE", "other", [UNIT])
    assert seen["disposition"] == "in_progress"
    assert seen["lineside:possible"] == {
        "lineside:glue": ["https://id.acme.com/lot/A", "https://id.acme.com/lot/B"]
    }
    assert seen["lineside:unknown"] == ["foil"]
    assert seen["lineside:values"] == {"lineside:force": "12.5"}
    assert seen["readPoint"] == {"id": "https://id.acme.com/location/acme/press"}
    assert seen["bizLocation"] == {"id": "https://id.acme.com/location/acme"}
    assert seen["bizTransactionList"] == [
        {"type": "prodorder", "bizTransaction": "https://id.acme.com/order/WO-1"}
    ]
    item = "https://id.acme.com/item/ECU-7"
    assert brief(part) == ("AssociationEvent", "ADD", "installing", UNIT, [item])
    assert brief(lots) == (
        "AssociationEvent",
        "ADD",
        "installing",
        UNIT,
        "https://id.acme.com/lot/L-1",
    )
    assert "operator" not in json.dumps([seen, part, lots])


def test_where_a_unit_begins() -> None:
    """At a marking station, or one that is named: commissioned, and assembled from its lots."""
    plant = Plant()
    lots = [{"position": "reel", "candidates": ["L-1"], "certainty": "certain"}]
    plant.add("unit_completed", unit=UNIT, result="ok", from_lot="L-0", components=lots)
    plant.add("unit_completed", unit="SN-2", result="nok", limits_result="nok", station="b")
    plant.add("unit_completed", unit="SN-2", result="ok", visit=2, station="b")
    settings = Settings(ids=Ids("https://id.acme.com/"), commissions=frozenset({"b"}))
    found = mapped(plant, settings)
    item = "https://id.acme.com/item/SN-2"
    assert [brief(each)[:4] for each in found] == [
        ("ObjectEvent", "ADD", "commissioning", [UNIT]),
        ("ObjectEvent", "OBSERVE", "other", [UNIT]),
        ("AssociationEvent", "ADD", "assembling", UNIT),
        ("ObjectEvent", "ADD", "commissioning", [item]),
        ("ObjectEvent", "OBSERVE", "inspecting", [item]),
        ("ObjectEvent", "OBSERVE", "repairing", [item]),
    ]
    assert found[0]["ilmd"] == {"cbvmda:lotNumber": "L-0"}
    assert [each.get("disposition") for each in found[3:]] == [
        "active",
        "non_conformant",
        "conformant",
    ]
    assert "bizLocation" not in found[3]


def test_what_is_only_possible_is_never_asserted() -> None:
    """It stays in Lineside, and is counted (D-132)."""
    plant = Plant()
    unsure = {"certainty": "possible"}
    plant.add("unit_completed", unit=UNIT, result="ok", **unsure)
    plant.add("lot_counted", lots=["A", "B"], n=3, **unsure)
    plant.add("component_installed", component="E", unit=UNIT, position="p", **unsure)
    plant.add("component_removed", component="E")
    plant.add("unit_packed", child=UNIT, parent="BOX", **unsure)
    plant.add("unit_unpacked", child=UNIT, parent="BOX", **unsure)
    plant.add("unit_unbound", candidates=[UNIT])
    plant.add("lot_counted", lot="A", n=0)
    mapper = Mapper(Settings())
    assert [each for event in plant.events for each in mapper.take(event)] == []
    assert mapper.left_out == {"possible": 6}


def test_lots_and_material() -> None:
    """Counted, made from others, at a place, merged, split, relabelled, held."""
    plant = Plant()
    plant.add("lot_counted", lot=LOT, n=12)
    use = {"position": "reel", "candidates": ["L-1"], "certainty": "certain"}
    plant.add("lot_counted", lot=LOT, n=3, components=[use])
    plant.add("component_loaded", position="reel", lot="L-1", lots=["L-1", "L-2"])
    plant.add("component_unloaded", position="reel", lot="L-1")
    plant.add(
        "lot_merged",
        lot="M",
        parents=[{"lot": "A", "quantity": "1.5"}, {"lot": "B"}],
        quantity="4",
        measure="kg",
    )
    plant.add("lot_split", lot="M", children=[{"lot": "C", "quantity": "7"}], measure="buckets")
    plant.add("lot_relabelled", lot="C", new_lot="D")
    plant.add("lot_blocked", lot="D")
    plant.add("lot_blocked", lot=UNIT)
    plant.add("lot_unblocked", lot="D")
    found = mapped(plant)
    lot = "https://id.acme.com/lot/"
    place = "https://id.acme.com/location/acme/press/reel"
    assert [brief(each) for each in found] == [
        ("ObjectEvent", "ADD", "creating_class_instance", LOT),
        ("TransformationEvent", None, "commissioning", f"{lot}L-1", LOT),
        ("AssociationEvent", "ADD", "urn:lineside:epcis:feeding", place, f"{lot}L-1", f"{lot}L-2"),
        ("AssociationEvent", "DELETE", "urn:lineside:epcis:takingOff", place, f"{lot}L-1"),
        ("TransformationEvent", None, "commissioning", f"{lot}A", f"{lot}B", f"{lot}M"),
        ("TransformationEvent", None, "commissioning", f"{lot}M", f"{lot}C"),
        ("ObjectEvent", "DELETE", "decommissioning", f"{lot}C"),
        ("ObjectEvent", "ADD", "commissioning", f"{lot}D"),
        ("ObjectEvent", "OBSERVE", "holding", f"{lot}D"),
        ("ObjectEvent", "OBSERVE", "holding", [UNIT]),
        ("ObjectEvent", "OBSERVE", "urn:lineside:epcis:releasing", f"{lot}D"),
    ]
    assert found[0]["quantityList"] == [{"epcClass": LOT, "quantity": 12}]
    assert found[4]["inputQuantityList"][0] == {
        "epcClass": f"{lot}A",
        "quantity": 1.5,
        "uom": "KGM",
    }
    assert found[4]["outputQuantityList"] == [{"epcClass": f"{lot}M", "quantity": 4, "uom": "KGM"}]
    assert found[5]["outputQuantityList"] == [{"epcClass": f"{lot}C"}]
    assert (found[6]["lineside:aliasOf"], found[7]["lineside:aliasOf"]) == (f"{lot}D", f"{lot}C")


def test_packages_new_identities_and_the_end() -> None:
    """What is unpacked is always named, or everything would be (D-132)."""
    plant = Plant()
    sscc = "https://id.gs1.org/00/040123451111111110"
    plant.add("unit_packed", child=UNIT, parent=sscc)
    plant.add("unit_unpacked", child=UNIT, parent=sscc)
    plant.add("component_removed", component="ECU-7", unit=UNIT)
    plant.add("unit_reidentified", unit=UNIT, new="VIN-1")
    plant.add("unit_scrapped", unit="VIN-1")
    plant.add("agent_started")
    vin, ecu = "https://id.acme.com/item/VIN-1", "https://id.acme.com/item/ECU-7"
    found = mapped(plant)
    assert [brief(each) for each in found] == [
        ("AggregationEvent", "ADD", "packing", sscc, [UNIT]),
        ("AggregationEvent", "DELETE", "unpacking", sscc, [UNIT]),
        ("AssociationEvent", "DELETE", "removing", UNIT, [ecu]),
        ("ObjectEvent", "DELETE", "decommissioning", [UNIT]),
        ("ObjectEvent", "ADD", "commissioning", [vin]),
        ("ObjectEvent", "DELETE", "decommissioning", [vin]),
    ]
    assert len({each["eventID"] for each in found}) == len(found)


def test_an_error_is_declared_on_the_same_event() -> None:
    """Nothing else of it changes, its eventID neither (D-131, D-135)."""
    plant = Plant()
    plant.add("unit_scrapped", unit="SN-1")
    (told,) = mapped(plant)
    again = declared_wrong(told, "2026-11-30T10:00:00Z", is_retracted=False, ids=["ni:///x"])
    assert again["errorDeclaration"] == {
        "declarationTime": "2026-11-30T10:00:00Z",
        "reason": "incorrect_data",
        "correctiveEventIDs": ["ni:///x"],
    }
    assert event_id(again, CONTEXT) == told["eventID"]
    assert list(event_problems(again)) == []
    gone = declared_wrong(told, "2026-11-30T10:00:00Z", is_retracted=True, ids=[])
    assert gone["errorDeclaration"]["reason"] == "did_not_occur"
    assert "correctiveEventIDs" not in gone["errorDeclaration"]


def test_what_leaves_and_comes_back_is_observed_with_who_and_on_what_document() -> None:
    """Shipping and in transit, receiving and returned; what only leaves its lot is not told."""
    plant = Plant()
    plant.add("unit_shipped", unit=UNIT, destination="ACME Berlin", document="DN-1", order="WO-1")
    plant.add("unit_returned", unit="BOX", origin="ACME")
    lot: dict[str, Any] = {"lot": "L-1", "quantity": "2.5", "measure": "kg", "shipped": True}
    plant.add("lot_issued", destination="B", **lot)
    plant.add("lot_returned", **lot, document="RMA-1")
    plant.add("lot_issued", lot="L-1", destination="hall 2")
    left, back, issued, returned = mapped(plant)
    assert brief(left) == ("ObjectEvent", "OBSERVE", "shipping", [UNIT])
    assert left["disposition"] == "in_transit"
    assert left["destinationList"] == [
        {"type": "possessing_party", "destination": "https://id.acme.com/party/ACME%20Berlin"}
    ]
    assert left["bizTransactionList"] == [
        {"type": "desadv", "bizTransaction": "https://id.acme.com/document/DN-1"}
    ]
    assert brief(back) == ("ObjectEvent", "OBSERVE", "receiving", ["https://id.acme.com/item/BOX"])
    assert back["disposition"] == "returned"
    assert back["sourceList"][0]["source"] == "https://id.acme.com/party/ACME"
    assert "bizTransactionList" not in back
    wanted = [{"epcClass": "https://id.acme.com/lot/L-1", "quantity": 2.5, "uom": "KGM"}]
    assert (issued["quantityList"], returned["quantityList"]) == (wanted, wanted)
    assert returned["bizTransactionList"][0]["type"] == "rma"
    assert "sourceList" not in returned
    for each in (left, back, issued, returned):  # so the order of the two changes no hash
        assert not {"sourceList", "destinationList"} <= each.keys()
