/* cert - for the tests of tls/: a certificate and its key, made on the spot, as
 * files in a directory of their own. */
#ifndef TESTS_UNIT_TLS_CERT_H
#define TESTS_UNIT_TLS_CERT_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char cert_dir[64], cert_file[80], key_file[80], other_key_file[80],
    locked_key_file[80], both_file[80];

static inline void
cert_write_key(
    const char *path, const char *mode, EVP_PKEY *key, const char *passphrase)
{
	FILE *f = fopen(path, mode);
	const unsigned char *p = (const unsigned char *)passphrase;

	assert_non_null(f);
	assert_int_equal(
	    PEM_write_PrivateKey(f, key, p != NULL ? EVP_aes_128_cbc() : NULL,
		p, p != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
	    1);
	fclose(f);
}

static inline void
cert_write(const char *path, X509 *x)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, x), 1);
	fclose(f);
}

/* cert_make - a group set-up function. */
static inline int
cert_make(void **state)
{
	static const unsigned char host[] = "test.example";
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	(void)state;
	assert_true(key != NULL && other != NULL && x != NULL);
	memcpy(cert_dir, "/tmp/in.popd-cert.XXXXXX", 25);
	assert_non_null(mkdtemp(cert_dir));
	snprintf(cert_file, sizeof(cert_file), "%s/cert.pem", cert_dir);
	snprintf(key_file, sizeof(key_file), "%s/key.pem", cert_dir);
	snprintf(both_file, sizeof(both_file), "%s/both.pem", cert_dir);
	snprintf(
	    other_key_file, sizeof(other_key_file), "%s/other.pem", cert_dir);
	snprintf(locked_key_file, sizeof(locked_key_file), "%s/locked.pem",
	    cert_dir);
	assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 1), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -60));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(x),
			     "CN", MBSTRING_ASC, host, -1, -1, 0),
	    1);
	assert_int_equal(X509_set_issuer_name(x, X509_get_subject_name(x)), 1);
	assert_int_equal(X509_set_pubkey(x, key), 1);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	cert_write(cert_file, x);
	cert_write(both_file, x);
	cert_write_key(key_file, "w", key, NULL);
	cert_write_key(both_file, "a", key, NULL);
	cert_write_key(other_key_file, "w", other, NULL);
	cert_write_key(locked_key_file, "w", key, "secret");
	X509_free(x);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return 0;
}

static inline int
cert_remove(void **state)
{
	(void)state;
	unlink(cert_file);
	unlink(key_file);
	unlink(other_key_file);
	unlink(locked_key_file);
	unlink(both_file);
	return rmdir(cert_dir);
}

#endif
