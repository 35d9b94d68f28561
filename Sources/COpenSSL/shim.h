// Only libcrypto's EVP layer; the low-level digests are deprecated since OpenSSL 3.
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>

