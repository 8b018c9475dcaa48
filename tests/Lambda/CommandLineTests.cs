using Backup.Tests.Support;

namespace Backup.Lambda.Tests;

/// <summary>What an operator does once: make the roles, store the logins. The real command, its logins on standard input.</summary>
public sealed class CommandLineTests(PostgresFixture postgres, CloudFixture cloud)
{
    [Fact]
    public async Task Doctor_prints_the_roles_and_secret_set_stores_both_logins_from_standard_input()
    {
        await using var scene = await RotationScene.MakeAsync(postgres, cloud);
        await using (var doctor = Start(null, "doctor", "--source", scene.AdminUrl, "--roles", "app backup"))
        {
            Assert.True(await doctor.ExitAsync() == 0, doctor.Error);
            Assert.Contains("CREATE ROLE \"app backup_clone\" LOGIN;", doctor.Output, StringComparison.Ordinal);
        }

        var (first, second) = (scene.Url(scene.Role, "first"), scene.Url($"{scene.Role}_clone", "second"));
        await using (var set = Start($"{first}\n{second}\n", "secret", "set", scene.Deployed.Secret))
        {
            Assert.True(await set.ExitAsync() == 0, set.Error);
            Assert.Contains($"stored {scene.Role} as the current and {scene.Role}_clone as the previous login", set.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("first", set.Output + set.Error, StringComparison.Ordinal);
        }

        Assert.Equal((first, second), (await scene.ValueAsync("AWSCURRENT"), await scene.ValueAsync("AWSPREVIOUS")));

        await using var missing = Start(first, "secret", "set", "test/there-is-none");
        Assert.Equal(1, await missing.ExitAsync());
        Assert.Contains("[secret.unusable]", missing.Error, StringComparison.Ordinal);
        await using var empty = Start("", "secret", "set", scene.Deployed.Secret);
        Assert.Equal(2, await empty.ExitAsync());
    }

    [Fact]
    public async Task Secret_set_stores_a_private_key_of_many_lines_and_refuses_what_no_function_could_use()
    {
        await using var key = await GpgKeys.MakeAsync(postgres.Machine, TestContext.Current.CancellationToken);
        await using var locked = await GpgKeys.MakeAsync(postgres.Machine, TestContext.Current.CancellationToken, "lab");
        var secret = await cloud.NewSecretAsync(null);
        async Task<string> SetAsync(int code, string input, params string[] options)
        {
            await using var set = Start(input, ["secret", "set", secret, .. options]);
            Assert.True(await set.ExitAsync() == code, set.Output + set.Error);
            Assert.All(key.Needles.Concat(locked.Needles), n => Assert.DoesNotContain(n, set.Output + set.Error, StringComparison.Ordinal));
            return set.Output + set.Error;
        }

        Assert.Contains("holds a key with a passphrase", await SetAsync(1, locked.PrivateKey), StringComparison.Ordinal);
        Assert.Contains("holds no private key", await SetAsync(1, await File.ReadAllTextAsync(key.PublicKeyFile, TestContext.Current.CancellationToken)), StringComparison.Ordinal);
        Assert.Contains("--previous is for logins", await SetAsync(2, key.PrivateKey, "--previous"), StringComparison.Ordinal);
        Assert.Matches("stored the private key [0-9A-F]{40} as ", await SetAsync(0, key.PrivateKey));
        using var client = cloud.Secrets;
        Assert.Equal(key.PrivateKey, (await client.GetSecretValueAsync(new() { SecretId = secret }, TestContext.Current.CancellationToken)).SecretString);
        Assert.Contains("untried", await SetAsync(0, locked.PrivateKey, "--no-check"), StringComparison.Ordinal);
    }

    private ChildProcess Start(string? input, params string[] arguments) => ChildProcess.Start(typeof(Cli.Program).Assembly.Location, cloud.Variables, input, arguments);
}
