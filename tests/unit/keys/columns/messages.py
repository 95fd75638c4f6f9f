"""What PostgreSQL's pgcrypto (1.3, PostgreSQL 15) wrote under one passphrase, with each of its options."""

from __future__ import annotations

PASSPHRASE = "a passphrase of some length"

OPENED: dict[str, tuple[str, str | bytes]] = {
    # name: (message in hex, what it holds)
    "pgp_sym_encrypt": (
        (
            "c30d0407030245b9de157931457d68d23e0112ccfd0c8923ef0a583314d5ec3f34d84480f3c2e004d1909faf5246121c"
            "6078031ef2e3a04103f9b41318900ec364ab5c96bd640027e65162863132b4"
        ),
        "planted ünï",
    ),
    "pgp_sym_encrypt_bytea": (
        (
            "c30d0407030278bbef27ce32588a65d2340134c9406fe6d3b5c867e8bbdc6d6fe11c7d0451ac2bd416b8ed9f9c448033"
            "4c38541173492d454ea2bc1bb815a0a54bd09ea970"
        ),
        b"\x00\xff\x80",
    ),
    "an empty text": (
        (
            "c30d04070302f046ee5fbad15a7460d2310178acdc7075d427c849653863028328bbe614003df5cd44884f0b992bc1c8"
            "d9684805fea0407a211667310f5d9d215243"
        ),
        "",
    ),
    "cipher-algo=aes256, compress-algo=1": (
        (
            "c30d0409030275c539ec8e9546b27bd241013ac48f338ee73372a4518acfcd15f5ec19abd7c02bc434cd067067d4d9ed"
            "85f15b26ec1f5050b013876cce5ff233dad05791982e33569a3b0b5cbfff52d195c2"
        ),
        "planted " * 30,
    ),
    "sess-key=1": (
        (
            "c31e04070302d01995cb50ca5f8666eb566bc4575756710b5ce3b0642125a4e9d2380145083c4fe0130198fb8fe1fa23"
            "bc968f6bf2be479ca55c595db60dfb7e69c7d18c8764cc5c3931904123386c237225bbddd5152af8e640"
        ),
        "planted",
    ),
    "s2k-mode=0": (
        (
            "c30404070002d2380109efa43860d60c8f380b23abf304a83310d28db9a9b7a8a9b33640854ccdedaf98d58db947a42d"
            "1ab75e5cdc125a43bcbdf28701b20ff9"
        ),
        "planted",
    ),
    "s2k-mode=1": (
        (
            "c30c04070102f07ce21f9d2de972d2380123dcca5d43c74a5c2d73ee4fa14503ecb9cf01a8f48b164961e60cdf8bd482"
            "0776509602dc12a69fda0497a126df991ace8d4c7b0836f2"
        ),
        "planted",
    ),
    "unicode-mode=1": (
        (
            "c30d04070302ca6153e32414f0f071d238019eec1982b1ed999101774c21b6965f9a95fefdd1c5bad02ccbc2115d1510"
            "a4c237a6dc0b7cc3fd510ee08028f497a18c68a80b176b7c6b"
        ),
        "planted",
    ),
    "convert-crlf=1": (
        (
            "c30d04070302ed0cd5f0504ebe7675d23501f45f5240c6222354985df579467aff12f9b31129da53ec2331624fde3d1a"
            "173bb8fc928a2cfff730d8014e7add5caa0e694fb681"
        ),
        "a\r\nb",
    ),
    "s2k-digest-algo=sha256, s2k-cipher-algo=aes192": (
        (
            "c30d04080308cc8dd1ab78df065d6fd238019bf6161f40ed4220f5a883228bb779e81c57219d3b547ad4c17675a867c4"
            "777332c0ba4c22605acf0ad813bc9eb517fa25cf9aeba90036"
        ),
        "planted",
    ),
}

REFUSED: dict[str, str] = {
    # ciphers of 64 bits, and messages that nothing protects from changes: pgcrypto alone opens them
    "cipher-algo=bf": (
        "c30d040403025edffc6ee661f1c36ed23001a4535c6b21bc00950095cb0d74006b0a1f2b706c616e746564d314eaaaf0"
        "5ad0e382f3b65a709e6fab9a18d581db06"
    ),
    "cipher-algo=3des": (
        "c30d040203028f1c18a351bfbdae7fd230016a30c838a4d242e9acd988f195c1be3ece20a217a5374562112890c5901c"
        "dde35cd46a3cb9b110e2cb2a7829d5b324"
    ),
    "cipher-algo=cast5": (
        "c30d04030302bfe10daecb27f5ff60d230012252bbbd7add66476647cb0d74006b0a1f2b706c616e746564d3140d2162"
        "67b1d8b4ae55e62bbbc9327502b310ce00"
    ),
    "disable-mdc=1": (
        "c30d0407030299a5b8eb7021476576c921a96a78bcb76e4fda8750597d637d746f6858627ccb95c6d61d94f2d053ef0d824c"
    ),
}

TEXTS: dict[str, str] = {
    # "planted" as a text column holds it
    "armor()": (
        "-----BEGIN PGP MESSAGE-----\n"
        "\n"
        "ww0EBwMCw2/dYqWDho9u0jgBxLGpV9TySCHJMY0SZNUjzorP8W7G5MoyMbfP0i3ZpE6rG5yH31ph\n"
        "t9BYZOxNowrHK+E0O0dq+A==\n"
        "=0yqh\n"
        "-----END PGP MESSAGE-----\n"
    ),
    "armor() with a header": (
        "-----BEGIN PGP MESSAGE-----\n"
        "Version: 1\n"
        "\n"
        "ww0EBwMCobC0Ye692FJ60jgBLM3cyIKlK8+hW3OCRHvRZ+x7hhUW/vtA3ctAb01qoZfHZ3clYs8q\n"
        "gw+TfxellmtM3HusUDm2Kg==\n"
        "=dFiw\n"
        "-----END PGP MESSAGE-----\n"
    ),
    "encode(…, 'base64')": (
        "ww0EBwMCWugEp17dmFpw0r0BA0U5K7LlD9Fl1GCUmj0uT3cnRgfcNQJKNODivdXhFJzbKaaP5inf\n"
        "LVXfuUCsl7dAAbeh9v3mUMLwH89c3KCHwP4bvG70JVS6Kp1EgOaqBUOTGqO96ndJs5Hd19RG4SXu\n"
        "J8hzHlaXcXndu+eRpk+TgIWgpcGEEIbU46s3rbIrUVYBompPcTGyQsDSpX4R5zPePXr54u4VNp/q\n"
        "vJMX6W3JTvvoJobYuf86XvASUt8Iacm45dx/iXfvGjTBv4M=\n"
    ),
    "a cast to text": (
        "\\xc30d0407030202a9ee07eb3baf8064d23801d4915dcbf249ff81f729b9ffee5f45d7f46c2a85c71d4fda4176ee1cb3"
        "9c9a020eaf8a40255e3bddbc32b368ea385ba72cae833499b218"
    ),
}
