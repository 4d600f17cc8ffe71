from engine.sandbox.answers import Answer, fault


def test_an_answer_becomes_http_bytes() -> None:
    assert Answer(201, {"document": "é"}, {"Retry-After": "2"}).wire() == (
        b"HTTP/1.1 201 Created\r\n"
        b"Content-Type: application/json\r\n"
        b"Content-Length: 17\r\n"
        b"Retry-After: 2\r\n"
        b"\r\n"
        b'{"document":"\xc3\xa9"}'
    )


def test_a_fault_names_its_line_only_where_it_has_one() -> None:
    assert fault(422, "wrong_unit", "no", 3).tree == {
        "error": {"code": "wrong_unit", "message": "no", "line": 3}
    }
    assert fault(409, "duplicate", "no", document="GI-000001").tree == {
        "error": {"code": "duplicate", "message": "no"},
        "document": "GI-000001",
    }
