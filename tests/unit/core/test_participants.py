"""The names of people in sessions and pilot sessions."""

from core.participants import is_pilot_name, participant_code, pilot_name


def test_a_pilot_name_is_recognized_and_leads_back_to_the_code():
    assert pilot_name("K7Q2") == "K7Q2-pilot"
    assert is_pilot_name("K7Q2-pilot") and not is_pilot_name("K7Q2") and not is_pilot_name("K7Q2-pilot-2")
    assert participant_code("K7Q2-pilot") == participant_code("K7Q2") == "K7Q2"
