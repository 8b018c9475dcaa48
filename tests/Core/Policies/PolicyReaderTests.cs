using Backup.Core.Model;
using Backup.Core.Policies;
using static Backup.Core.Tests.Policies.PolicyText;

namespace Backup.Core.Tests.Policies;

public sealed class PolicyReaderTests
{
    private const string Everything = """
        project: bloom
        environment: production
        objectives: { rpo: 24h, rto: 4h }
        vault: "s3://bloom-backups/main"
        databases:
          - name: bloom
            provider: neon
            url: "${DATABASE_URL}"
            protected: true
            schedule: "0 2 * * *"
            jobs: 4
            shardAbove: 64MiB
            runner: fargate
            schemas: { exclude: [scratch] }
            fingerprint: critical
            criticalTables:
              - { table: public.wallet_ledger, key: id, watermark: ts, every: 6h }
            checks:
              - { name: users exist, sql: "select count(*) from users", min: 1, max: 10.5 }
              - { name: bookings are fresh, sql: "select max(created_at) from bookings", maxAge: 26h }
              - { name: version, sql: "select v from meta", equals: 7 }
          - name: second
            secret: bloom/database-url
        retention: { daily: 30d, weekly: 8w, monthly: 12mo, annual: 7y, pre-deploy: 3y, manual: 1y, incremental: 2w, minimumKept: 5 }
        storage:
          monthly: { instant: 30d }
          annual: { ia: 30d, glacier: 60d, deepArchive: 150d }
        lock: governance
        copy: region
        encryption: { gpgRecipients: [keys/ops.asc] }
        watch: { sizeWarning: 12.5%, sizeCritical: 50%, maxAge: 26h }
        drill: { schedule: "0 4 * * 0", ignoreExtensions: [pg_cron] }
        notify: { pagerDuty: "${PAGERDUTY_URL}", slack: "${SLACK_WEBHOOK}", email: [ops@example.com], heartbeat: "${HEARTBEAT_URL}" }
        """;

    [Fact]
    public void Every_key_of_the_policy_is_read()
    {
        var policy = Valid(Everything);
        Assert.Equal(("bloom", "production", "s3://bloom-backups/main"), (policy.Project, policy.Environment, policy.Vault));
        Assert.Equal(new Objectives(TimeSpan.FromHours(24), TimeSpan.FromHours(4)), policy.Objectives);
        Assert.Equal((LockMode.Governance, CopyMode.Region), (policy.Lock, policy.Copy));
        Assert.Equal(["keys/ops.asc"], policy.Encryption.GpgRecipients);
        Assert.Equal(new WatchPolicy { SizeWarning = 0.125, SizeCritical = 0.5, MaxAge = TimeSpan.FromHours(26) }, policy.Watch);
        Assert.Equal("0 4 * * 0", policy.Drill!.Schedule);
        Assert.Equal(["pg_cron"], policy.Drill.IgnoreExtensions);
        Assert.Equal(("PAGERDUTY_URL", "SLACK_WEBHOOK", "HEARTBEAT_URL"),
            (policy.Notify.PagerDutyVariable, policy.Notify.SlackVariable, policy.Notify.HeartbeatVariable));
        Assert.Equal(["ops@example.com"], policy.Notify.Email);

        Assert.Equal(5, policy.Retention!.MinimumKept);
        Assert.Equal("Daily 30d, Weekly 8w, Monthly 12mo, Annual 7y, PreDeploy 3y, Manual 1y, Incremental 2w",
            string.Join(", ", policy.Retention.Keep.OrderBy(k => k.Key).Select(k => $"{k.Key} {k.Value}")));
        Assert.Equal(2, policy.Storage.Count);
        Assert.Equal(new StorageClasses(Instant: 30), policy.Storage[Tier.Monthly]);
        Assert.Equal(new StorageClasses(Ia: 30, Glacier: 60, DeepArchive: 150), policy.Storage[Tier.Annual]);
    }

    [Fact]
    public void Every_key_of_a_database_is_read()
    {
        var databases = Valid(Everything).Databases;
        Assert.Equal(["bloom", "second"], databases.Select(d => d.Name));
        var first = databases[0];
        Assert.Equal((Provider.Neon, "DATABASE_URL", null, true, "0 2 * * *"),
            (first.Provider, first.UrlVariable, first.Secret, first.Protected, first.Schedule));
        Assert.Equal((4, 64L << 20, Runner.Fargate, FingerprintMode.Critical), (first.Jobs, first.ShardAbove, first.Runner, first.Fingerprint));
        Assert.Equal(["scratch"], first.ExcludeSchemas);
        Assert.Equal([new CriticalTable("public.wallet_ledger", "id", "ts", TimeSpan.FromHours(6))], first.CriticalTables);
        Assert.Equal(
            [
                new DataCheck { Name = "users exist", Sql = "select count(*) from users", Min = 1, Max = 10.5m },
                new DataCheck { Name = "bookings are fresh", Sql = "select max(created_at) from bookings", MaxAge = TimeSpan.FromHours(26) },
                new DataCheck { Name = "version", Sql = "select v from meta", EqualTo = "7" },
            ],
            first.Checks);
        Assert.Equal((null, "bloom/database-url"), (databases[1].UrlVariable, databases[1].Secret));
    }

    [Fact]
    public void What_is_left_out_has_the_defaults_of_the_records()
    {
        var policy = Valid(Least);
        Assert.Null(policy.Retention);
        Assert.Null(policy.Vault);
        Assert.Equal(new WatchPolicy(), policy.Watch);
        var standard = new DatabasePolicy { Name = "bloom", UrlVariable = "DATABASE_URL" };
        var read = policy.Databases[0];
        Assert.Equal((standard.Jobs, standard.ShardAbove, standard.Runner, standard.Fingerprint, standard.Provider),
            (read.Jobs, read.ShardAbove, read.Runner, read.Fingerprint, read.Provider));
    }

    [Fact]
    public void A_stack_file_is_read_below_config_and_other_settings_are_left_alone()
    {
        var stack = "encryptionsalt: v1:x\nconfig:\n  aws:region: eu-central-1\n  backup:policy:\n"
            + string.Join('\n', Least.TrimEnd().Split('\n').Select(l => "    " + l)) + "\n    jobs: 3\n";
        Assert.Equal(["jobs (line 10): is not a key of the policy → remove it, or write copy, databases, drill, encryption, "
            + "environment, lock, notify, objectives, project, retention, storage, vault or watch"], Problems(stack, "Pulumi.prod.yaml"));
    }

    [Theory]
    [InlineData("config:\n  aws:region: x\n", "config.backup:policy (line 1): is required and missing → write the policy below config: and backup:policy:")]
    [InlineData("encryptionsalt: x\n", "config.backup:policy: is required and missing → write the policy below config: and backup:policy:")]
    public void A_stack_file_without_a_policy_is_a_problem(string text, string expected) =>
        Assert.Equal([expected], Problems(text, "Pulumi.prod.yaml"));

    [Fact]
    public void Every_problem_of_a_document_is_reported_at_once()
    {
        const string text = """
            project: bloom
            databases:
              - name: a
                sched: "0 2 * * *"
                schedule: "0 25 * * *"
                url: "${DATABASE_URL}"
                jobs: 99
                jobs: 3
                protected: "true"
                provider: neo
              - name: A
                url: literal
                secret: x
              - { name: c, shardAbove: 32MB, schemas: [x] }
            retention: {}
            storage: { daily: { ia: 10d } }
            watch: { sizeWarning: 60%, sizeCritical: 50%, maxAge: 26 }
            drill: {}
            notify: { slack: "https://chat.example.com/hook" , email: ops }
            """;
        Assert.Equal(
            [
                "environment (line 1): is required and missing → add environment: write letters, digits, dot, dash or underscore, beginning with a letter or digit, at most 63",
                "databases[0].sched (line 4): is not a key of the policy → remove it, or write afterRestore, checks, criticalTables, fingerprint, jobs, name, protected, provider, runner, schedule, schemas, secret, shardAbove or url",
                "databases[0].schedule (line 5): \"0 25 * * *\": hour 25 is not in 0-23 → write five fields in UTC (minute hour day month weekday), for example \"0 2 * * *\"",
                "databases[0].jobs (line 7): \"99\" is too large → write a whole number from 1 to 32",
                "databases[0].jobs (line 8): is here twice; the first is on line 7 → remove one of the two",
                "databases[0].protected (line 9): \"true\" is a text, not true or false → write true or false, without quotes",
                "databases[0].provider (line 10): \"neo\" is not known; did you mean neon? → write postgres, neon, supabase or rds",
                "databases[1].name (line 11): \"A\" is the name of databases[0] already → give each database its own name",
                "databases[1].url (line 12): the value (not shown) is not exactly one reference ${NAME} → write a reference to an environment variable, for example \"${DATABASE_URL}\"",
                "databases[1].secret (line 13): stands beside url, and only one can say where the database is → remove one of the two",
                "databases[2].schemas (line 14): is a list, not a map → write keys and values, indented below the key",
                "databases[2].shardAbove (line 14): \"32MB\" is not a size; did you mean 32MiB? → write bytes or a number and KiB, MiB, GiB or TiB, for example 32MiB",
                "databases[2].url (line 14): is required and missing → add url: write \"${DATABASE_URL}\", or secret: with a Secrets Manager name",
                "retention (line 15): names no tier, so no backup would have a place → write how long each tier is kept, for example daily: 30d, or remove retention to keep everything",
                "storage.daily.ia (line 16): 10d is too early; S3 moves to ia from day 30 → write at least 30d",
                "watch.sizeWarning (line 17): the warning at 60% does not come before the critical 50% → write a sizeWarning below sizeCritical",
                "watch.maxAge (line 17): \"26\" is not a duration → write a number and m, h, d or w, for example 90m, 26h, 1d",
                "drill.schedule (line 18): is required and missing → add schedule: write five fields in UTC (minute hour day month weekday), for example \"0 2 * * *\"",
                "notify.slack (line 19): the value (not shown) is not exactly one reference ${NAME} → write a reference to an environment variable, for example \"${SLACK_WEBHOOK}\"",
                "notify.email (line 19): is a single value, not a list → write one item per line, each behind a dash, or [a, b]",
            ],
            Problems(text));
    }

    [Fact]
    public void A_reading_with_problems_has_no_policy_and_throws_all_of_them()
    {
        var reading = Read("project: bloom\nenvironment: a b\ndatabases: []\n");
        Assert.Null(reading.Policy);
        var thrown = Assert.Throws<BackupException>(reading.OrThrow);
        Assert.Equal(ErrorCode.PolicyInvalid, thrown.Code);
        Assert.Equal("policy.yaml has 2 problems:\n"
            + "(1) environment (line 2): \"a b\" is not a name that keys and commands can hold → write letters, digits, dot, dash or underscore, beginning with a letter or digit, at most 63\n"
            + "(2) databases (line 3): is empty, so nothing would be backed up → name at least one database", thrown.Message);
    }

    [Theory]
    [InlineData("Pulumi.prod.yaml", 2)]
    [InlineData("Pulumi.staging.yaml", 1)]
    public void The_policies_of_this_repository_have_no_problem(string file, int databases)
    {
        var reading = PolicyReader.ReadFile(Path.Combine(Root(), file));
        Assert.Empty(reading.Problems.Select(PolicyReading.Describe));
        Assert.Equal(databases, reading.Policy!.Databases.Count);
    }

    [Fact]
    public void A_file_that_does_not_exist_is_a_problem_of_its_own()
    {
        var problem = Assert.Single(PolicyReader.ReadFile("/nowhere/policy.yaml").Problems);
        Assert.Equal(("policy.unreadable", "policy.yaml: does not exist → give the path of a policy; /nowhere/policy.yaml was tried"),
            (problem.Code, PolicyReading.Describe(problem)));
    }

    [Fact]
    public void A_folder_in_the_vault_key_starts_at_the_policy()
    {
        Assert.Equal("/srv/policies/store", Read(Least + "vault: ./store\n", folder: "/srv/policies").Policy!.Vault);
        Assert.Equal("./store", Read(Least + "vault: ./store\n").Policy!.Vault);
    }
}
