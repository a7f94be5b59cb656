/* tests/api/test_data_folder.c - the data folder is made once, locked, and its format is heeded. */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/data_folder.h"

static char root[] = "/tmp/hr-folder-XXXXXX";

static int make_root(void **state)
{
    (void)state;
    memcpy(root + sizeof root - 7, "XXXXXX", 6);
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    static const char *const names[] = {"/a/b/FORMAT", "/a/b/lock", "/a/b", "/a", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", root, names[i]);
        remove(path);
    }
    return 0;
}

static hr_err open_folder(api_data_folder **folder, hr_why *why)
{
    char path[128];
    snprintf(path, sizeof path, "%s/a/b/", root);
    why->text[0] = 0;
    return api_data_folder_open(path, folder, why);
}

static void write_format(const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/a/b/FORMAT", root);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void it_is_made_when_absent_and_keeps_its_id(void **state)
{
    (void)state;
    api_data_folder *folder = NULL;
    hr_why why;
    assert_int_equal(open_folder(&folder, &why), HR_OK);
    char id[API_DATA_ID_TEXT_SIZE];
    memcpy(id, api_data_folder_id(folder), sizeof id);
    assert_int_equal(strlen(id), 16);
    struct stat info;
    assert_int_equal(stat(api_data_folder_path(folder), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    api_data_folder_close(folder);
    assert_int_equal(open_folder(&folder, &why), HR_OK);
    assert_string_equal(api_data_folder_id(folder), id);
    api_data_folder_close(folder);
}

static void a_second_holder_is_refused_and_told_who_has_it(void **state)
{
    (void)state;
    api_data_folder *first = NULL;
    api_data_folder *second = NULL;
    hr_why why;
    assert_int_equal(open_folder(&first, &why), HR_OK);
    assert_int_equal(open_folder(&second, &why), HR_LOCKED);
    assert_null(second);
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_non_null(strstr(why.text, pid));
    api_data_folder_close(first);
    assert_int_equal(open_folder(&second, &why), HR_OK);
    api_data_folder_close(second);
}

static void a_newer_format_is_refused_by_name(void **state)
{
    (void)state;
    api_data_folder *folder = NULL;
    hr_why why;
    assert_int_equal(open_folder(&folder, &why), HR_OK);
    api_data_folder_close(folder);
    write_format("hedgerow 99\nid 0123456789abcdef\n");
    assert_int_equal(open_folder(&folder, &why), HR_TOO_NEW);
    assert_non_null(strstr(why.text, "format 99"));
}

static void a_damaged_format_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "hedgerow",
                                      "hedgerow 0\nid 0123456789abcdef\n",
                                      "hedgerow 1\n",
                                      "hedgerow 1\nid 0123\n",
                                      "kafka 1\n"};
    api_data_folder *folder = NULL;
    hr_why why;
    assert_int_equal(open_folder(&folder, &why), HR_OK);
    api_data_folder_close(folder);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_format(bad[i]);
        assert_int_equal(open_folder(&folder, &why), HR_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_made_when_absent_and_keeps_its_id, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(a_second_holder_is_refused_and_told_who_has_it, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(a_newer_format_is_refused_by_name, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_damaged_format_is_refused, make_root, remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
