/* What is read of agent.yaml, and what is said of one that is wrong. */
#include "base/test_main.h"
#include "daemon/config.h"
#include "daemon/config_table.h"

#include <check.h>
#include <string.h>

#define HEAD "apiVersion: trueup/v1\nkind: Agent\n"

static struct arena *arena;
static struct agent_config config;
static struct spec_issues issues;

static void set_up(void)
{
	arena = arena_new();
	issues = (struct spec_issues){0};
}

static void tear_down(void)
{
	arena_free(arena);
}

static int parse(const char *text)
{
	return agent_config_parse(arena, "conf/agent.yaml", text, strlen(text), &config, &issues);
}

START_TEST(the_least_has_its_defaults)
{
	ck_assert_int_eq(parse(HEAD "specs: {path: specs}\n"), 0);
	ck_assert_str_eq(config.specs.path, "conf/specs");
	ck_assert_int_eq(config.schedule.every, 900);
	ck_assert_int_eq(config.splay, 60);
	ck_assert_int_eq(config.mode, AGENT_MODE_APPLY);
	ck_assert_int_eq(config.concurrency, 4);
	ck_assert_int_eq(config.timeout, 21600);
	ck_assert_int_eq(config.retention.days, 90);
	ck_assert(!config.listen.present);
	ck_assert_int_eq(agent_schedule_next(&config.schedule, 1000), 1900);
}
END_TEST

START_TEST(everything_is_read)
{
	const struct agent_deployment *staging;

	ck_assert_int_eq(parse(HEAD "specs:\n"
	                            "  git:\n"
	                            "    url: ssh://git.example.com/ops.git\n"
	                            "    branch: main\n"
	                            "    directory: trueup/specs\n"
	                            "    verify: {allowedSigners: /etc/trueup/allowed_signers}\n"
	                            "    sshKey: id_ed25519\n"
	                            "schedule: {cron: '0 3 * * *', timeZone: Europe/Paris}\n"
	                            "mode: observe\n"
	                            "timeout: 2h\n"
	                            "deployments:\n"
	                            "  staging: {schedule: {every: 1h}, mode: apply}\n"
	                            "listen: {address: '127.0.0.1:8080'}\n"
	                            "webhook: {secret: /run/secret}\n"
	                            "status: {github: {repository: a/b, token: /run/token}}\n"
	                            "notify:\n"
	                            "  team: {slack: {urlFile: slack}}\n"
	                            "  mail: {command: [mail, -s, trueup], digest: 10m}\n"),
	                 0);
	staging = agent_config_find(&config, "staging");
	ck_assert_str_eq(config.specs.git.ssh_key, "conf/id_ed25519");
	ck_assert_str_eq(config.specs.git.verify.allowed_signers, "/etc/trueup/allowed_signers");
	ck_assert_int_eq(staging->mode, AGENT_MODE_APPLY);
	ck_assert_int_eq(staging->timeout, 7200);
	ck_assert_int_eq(staging->schedule.every, 3600);
	ck_assert_str_eq(config.notify[0].slack.url_file, "conf/slack");
	ck_assert_uint_eq(config.notify[1].command.count, 3);
	ck_assert_int_eq(config.notify[1].digest, 600);
	ck_assert_ptr_null(agent_config_find(&config, "production"));
	/* 2026-01-01T00:00:00Z: three o'clock in Paris is two in UTC */
	ck_assert_int_eq(agent_schedule_next(&config.schedule, 1767225600), 1767225600 + 2 * 3600);
}
END_TEST

static const struct {
	const char *text, *says;
} wrong[] = {
    {"", "conf/agent.yaml: is empty; `trueup explain agent` says what it may hold"},
    {HEAD, "specs is missing, such as"},
    {HEAD "specs: {}\n", "specs: "},
    {HEAD "specs: {path: a, git: {url: b}}\n", "specs: "},
    {HEAD "specs: {path: a}\nschedul: {every: 1h}\n",
     "conf/agent.yaml:4:1: schedul: unknown key; did you mean schedule?"},
    {HEAD "specs: {path: a}\nschedule: {cron: '61 * * * *'}\n",
     "conf/agent.yaml:4:18: schedule.cron: minute: 61 is not in 0 to 59"},
    {HEAD "specs: {path: a}\nschedule: {cron: '1 * * * *', timeZone: Europe/Nowhere}\n",
     "schedule.timeZone: there is no"},
    {HEAD "specs: {path: a}\nschedule: {cron: '1 * * * *', every: 1h}\n", "just one of cron and every"},
    {HEAD "specs: {path: a}\nschedule: {}\n", "just one of cron and every"},
    {HEAD "specs: {path: a}\nschedule: {every: 5s}\n", "schedule.every: "},
    {HEAD "specs: {path: a}\nlisten: {address: '0.0.0.0:80'}\n", "listen: needs tls, and token or basic"},
    {HEAD "specs: {path: a}\nlisten: {address: '[::]:80', tls: {certificate: a, key: b}}\n", "listen: needs tls, and"},
    {HEAD "specs: {path: a}\nlisten: {address: localhost}\n", "listen.address: must be an address and a port"},
    {HEAD "specs: {path: a}\nwebhook: {secret: a}\n", "webhook: needs listen"},
    {HEAD "specs: {path: a}\nstatus: {github: {repository: a/b, token: c}}\n", "status: needs specs.git"},
    {HEAD "specs: {git: {url: a, branch: b, tag: c}}\n", "specs.git: needs just one of branch and tag"},
    {HEAD "specs: {git: {url: --upload-pack=x}}\n", "specs.git.url: must be the URL"},
    {HEAD "specs: {git: {url: 'https://a:b@c/d'}}\n", "specs.git.url: must hold no password"},
    {HEAD "specs: {git: {url: 'https://ghp_token@c/d'}}\n", "specs.git.url: must hold no password"},
    {HEAD "specs: {git: {url: 'http://token@127.0.0.1:80/d'}}\n", "specs.git.url: must hold no password"},
    {HEAD "specs: {git: {url: 'ssh://a:b@c/d'}}\n", "specs.git.url: must hold no password"},
    {HEAD "specs: {git: {url: 'http://c/d', token: e}}\n",
     "conf/agent.yaml:3:41: specs.git.token: is for a url that begins with https://"},
    {HEAD "specs: {git: {url: 'git@c:d', token: e}}\n", "specs.git.token: is for a url that begins with https://"},
    {HEAD "specs: {git: {url: 'https://c/d', sshKey: e}}\n", "specs.git.sshKey: is for a url over SSH"},
    {HEAD "specs: {git: {url: a, directory: ../x}}\n", "specs.git.directory: must stay within"},
    {HEAD "specs: {path: a}\nnotify: {x: {digest: 1m}}\n", "notify.x: needs just one of webhook, slack and command"},
    {HEAD "specs: {path: a}\ndeployments: {b: {schedule: {cron: x}}}\n", "deployments.b.schedule.cron: it has 1 field"},
    {HEAD "specs: {git: {url: a}}\nstatus: {github: {url: 'http://127.0.0.1.example', repository: a/b, token: c}}\n",
     "status.github.url: must begin with https://"},
    {HEAD "specs: {git: {url: a}}\nstatus: {github: {url: 'http://127.0.0.1:80@b', repository: a/b, token: c}}\n",
     "status.github.url: must begin with https://"},
    {HEAD "specs: {path: a}\nnotify: {a: {webhook: {url: 'http://hooks.example.com/x'}}}\n",
     "notify.a.webhook.url: must begin with https://"},
    {HEAD "specs: {path: a}\nnotify: {a: {slack: {url: 'http://[::2]/x'}}}\n",
     "notify.a.slack.url: must begin with https://"},
    {HEAD "specs: {git: {url: a}}\nstatus: {gitlab: {url: 'http://gitlab.example.com', project: b, token: c}}\n",
     "status.gitlab.url: must begin with https://"},
    {HEAD "specs: {path: a}\n---\n" HEAD "specs: {path: a}\n", "has several documents"},
    {"apiVersion: trueup/v1\nkind: BedrockChat\nspecs: {path: a}\n", "kind: must be Agent, found "},
};

START_TEST(what_is_wrong_is_said_with_its_place)
{
	struct buf out = {0};

	ck_assert_int_eq(parse(wrong[_i].text), -1);
	spec_issues_print(&issues, &out);
	ck_assert_msg(strstr(buf_text(&out), wrong[_i].says) != NULL, "%s\n%s", wrong[_i].text, buf_text(&out));
	buf_free(&out);
}
END_TEST

START_TEST(all_that_is_wrong_is_said_at_once)
{
	struct buf out = {0};

	ck_assert_int_eq(parse(HEAD "specs: {git: {urk: a, branch: b, tag: c}}\n"
	                            "schedule: {every: 5s}\n"
	                            "listen: {address: here}\n"
	                            "webhook: {secret: a}\n"
	                            "notify: {x: {}, y: {slack: {}}}\n"
	                            "deployments: {d: {schedule: {cron: x}}}\n"
	                            "conkurrency: 3\n"),
	                 -1);
	spec_issues_print(&issues, &out);
	/* And nothing twice: what is wrong itself is not missing, too. */
	ck_assert_str_eq(
	    buf_text(&out),
	    "conf/agent.yaml:3:14: specs.git: needs just one of branch and tag\n"
	    "conf/agent.yaml:3:14: specs.git: url is missing, such as `url: https://git.example.com/ops/trueup.git`\n"
	    "conf/agent.yaml:3:15: specs.git.urk: unknown key; did you mean url?\n"
	    "conf/agent.yaml:4:19: schedule.every: must be between 10s and 744h, found 5s\n"
	    "conf/agent.yaml:5:19: listen.address: must be an address and a port, such as 127.0.0.1:9464, found "
	    "\"here\"\n"
	    "conf/agent.yaml:7:13: notify.x: needs just one of webhook, slack and command\n"
	    "conf/agent.yaml:7:28: notify.y.slack: must have just one key of url, urlFile, found 0 keys\n"
	    "conf/agent.yaml:8:36: deployments.d.schedule.cron: it has 1 field, and should have 5: minute, hour, day "
	    "of month, month, day of week\n"
	    "conf/agent.yaml:9:1: conkurrency: unknown key; did you mean concurrency?\n");
	buf_free(&out);
}
END_TEST

START_TEST(what_it_names_is_to_be_there)
{
	struct buf out = {0};

	ck_assert_int_eq(parse(HEAD "specs: {path: nowhere}\n"
	                            "listen: {token: /dev/null}\n"
	                            "notify:\n"
	                            "  a: {slack: {urlFile: /nowhere/url}}\n"
	                            "  b: {command: [no-such-program]}\n"
	                            "  c: {command: [sh, -c, x]}\n"),
	                 0);
	ck_assert_int_eq(agent_config_check_files(arena, &config, &issues), -1);
	spec_issues_print(&issues, &out);
	ck_assert_str_eq(
	    buf_text(&out),
	    "conf/agent.yaml: specs.path: cannot read conf/nowhere: No such file or directory\n"
	    "conf/agent.yaml: notify.a.slack.urlFile: cannot read /nowhere/url: No such file or directory\n"
	    "conf/agent.yaml: notify.b.command: there is no program no-such-program\n");
	buf_free(&out);
}
END_TEST

START_TEST(loopback_needs_no_tls)
{
	ck_assert_int_eq(parse(HEAD "specs: {path: a}\nlisten: {address: '[::1]:80'}\n"), 0);
	ck_assert_int_eq(parse(HEAD "specs: {path: a}\nlisten: {}\n"), 0);
	ck_assert_str_eq(config.listen.address, "127.0.0.1:9464");
	ck_assert_int_eq(parse(HEAD "specs: {path: a}\n"
	                            "listen: {address: '0.0.0.0:80', tls: {certificate: a, key: b}, token: c}\n"),
	                 0);
}
END_TEST

START_TEST(each_field_is_documented)
{
	struct buf out = {0};
	struct error err;

	ck_assert_int_eq(agent_config_explain("", &out, &err), 0);
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "  schedule (section)"));
	buf_clear(&out);
	ck_assert_int_eq(agent_config_explain("listen.tls", &out, &err), 0);
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "certificate"));
	ck_assert_int_eq(agent_config_explain("listne", &out, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "did you mean listen?"));
	buf_free(&out);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("config");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_least_has_its_defaults);
	tcase_add_test(tcase, everything_is_read);
	tcase_add_loop_test(tcase, what_is_wrong_is_said_with_its_place, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(tcase, all_that_is_wrong_is_said_at_once);
	tcase_add_test(tcase, what_it_names_is_to_be_there);
	tcase_add_test(tcase, loopback_needs_no_tls);
	tcase_add_test(tcase, each_field_is_documented);
	suite_add_tcase(suite, tcase);
	return suite;
}
