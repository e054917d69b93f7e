// WinSparkle as an app uses it, under Wine: check, then download and verify the update, with the windows that a person sees.
// It prints the path of the installer instead of running it.
//
// driver.exe URL VERSION PUBLIC-KEY → `nothing`, `error`, or `installer PATH`.

#include <stdio.h>
#include <wchar.h>
#include <windows.h>

// The part of winsparkle.h that is used here. The package has that file, but not one that it includes.
void win_sparkle_set_appcast_url(const char *url);
int win_sparkle_set_eddsa_public_key(const char *key);
void win_sparkle_set_app_details(const wchar_t *company, const wchar_t *app, const wchar_t *version);
void win_sparkle_set_automatic_check_for_updates(int state);
void win_sparkle_set_did_not_find_update_callback(void (*callback)(void));
void win_sparkle_set_error_callback(void (*callback)(void));
void win_sparkle_set_user_run_installer_callback(int (*callback)(const wchar_t *));
void win_sparkle_init(void);
void win_sparkle_check_update_with_ui_and_install(void);

enum { PATIENCE_MS = 30000 };

static HANDLE said;

static void say(const wchar_t *outcome, const wchar_t *path)
{
    wprintf(L"%ls%ls\n", outcome, path);
    fflush(stdout);
    SetEvent(said);
}

static void nothing(void) { say(L"nothing", L""); }

static void error(void) { say(L"error", L""); }

static int installer(const wchar_t *path)
{
    say(L"installer ", path);
    return 1;
}

int main(int count, char **asked)
{
    wchar_t version[64];
    mbstowcs(version, asked[2], sizeof version / sizeof *version);
    said = CreateEventW(NULL, TRUE, FALSE, NULL);
    win_sparkle_set_appcast_url(asked[1]);
    win_sparkle_set_app_details(L"Example", L"App", version);
    if (!win_sparkle_set_eddsa_public_key(asked[3]))
        return 2;
    win_sparkle_set_automatic_check_for_updates(0);
    win_sparkle_set_did_not_find_update_callback(nothing);
    win_sparkle_set_error_callback(error);
    win_sparkle_set_user_run_installer_callback(installer);
    win_sparkle_init();
    win_sparkle_check_update_with_ui_and_install();
    int is_silent = WaitForSingleObject(said, PATIENCE_MS) != WAIT_OBJECT_0;
    ExitProcess(is_silent);  // its windows are open, and nobody closes them
}
